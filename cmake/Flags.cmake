# SPDX-License-Identifier: Apache-2.0
# Flags that every target shares, as INTERFACE libraries: link `zocalo_hosted` for programs and
# daemons, `zocalo_freestanding` for logic that must also run without an operating system.
add_library(zocalo_warnings INTERFACE)
target_compile_options(zocalo_warnings INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wold-style-cast -Wcast-align -Wcast-qual
  -Wnon-virtual-dtor -Woverloaded-virtual
  -Wno-missing-field-initializers # designated initialisers leave the rest to their defaults on purpose
  -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(zocalo_warnings INTERFACE -Wlogical-op)
endif()

# Everything that is ours is included from the root: #include "common/base/result.hpp".
add_library(zocalo_hosted INTERFACE)
target_link_libraries(zocalo_hosted INTERFACE zocalo_warnings)
target_include_directories(zocalo_hosted INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(zocalo_hosted INTERFACE -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(zocalo_hosted INTERFACE -fcoroutines)
endif()
if(ZOCALO_SANITIZE)
  target_compile_options(zocalo_hosted INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all)
  target_link_options(zocalo_hosted INTERFACE -fsanitize=address,undefined)
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    # clang 14 cannot emit coroutines under -fsanitize=function.
    target_compile_options(zocalo_hosted INTERFACE -fno-sanitize=function)
  endif()
endif()
if(ZOCALO_FUZZ)
  target_compile_options(zocalo_hosted INTERFACE -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=function)
  target_link_options(zocalo_hosted INTERFACE -fsanitize=address,undefined)
endif()

# The same sources, as the hypervisor will compile them: no runtime, no exceptions, no SSE.
add_library(zocalo_freestanding INTERFACE)
target_link_libraries(zocalo_freestanding INTERFACE zocalo_warnings)
target_include_directories(zocalo_freestanding INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(zocalo_freestanding INTERFACE
  # Position independent: the image lives in the hypervisor's hole of the address space, not in the
  # top 2 GiB, which belong to the guest's kernel.
  -ffreestanding -fno-exceptions -fno-rtti -mno-red-zone -fpie -fvisibility=hidden
  -fno-stack-protector -fno-threadsafe-statics -fno-asynchronous-unwind-tables
  # Jumps through a register go by thunks, which the image switches (hypervisor-core/arch/x86_64/cpu).
  $<$<CXX_COMPILER_ID:GNU>:-mindirect-branch=thunk-extern>
  $<$<CXX_COMPILER_ID:GNU>:-mindirect-branch-register>
  # With clang, libstdc++ headers do not parse without floating point: GCC alone proves its absence.
  $<$<CXX_COMPILER_ID:GNU>:-mgeneral-regs-only>)

# One source list, two builds: NAME (hosted, sanitized in the dev preset) is what programs and unit
# tests link; NAME.freestanding proves that the code needs no operating system.
function(zocalo_add_logic name)
  add_library(${name} STATIC ${ARGN})
  target_link_libraries(${name} PUBLIC zocalo_hosted)
  add_library(${name}.freestanding STATIC ${ARGN})
  target_link_libraries(${name}.freestanding PUBLIC zocalo_freestanding)
endfunction()

# For programs that are started often and live shortly, or whose start somebody waits for: four fifths of what
# `zl list` executed was the dynamic linker looking up libstdc++'s symbols (docs/decisions/020).
function(zocalo_quick_start target)
  if(NOT ZOCALO_SANITIZE)
    target_link_options(${target} PRIVATE -static-libstdc++ -static-libgcc)
  endif()
endfunction()

# A unit test program: its sources are tests; further arguments after LINK are the libraries under test.
function(zocalo_add_unit_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINK} zocalo_hosted GTest::gmock GTest::gtest_main)
  include(GoogleTest)
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS unit TIMEOUT 300)
endfunction()
