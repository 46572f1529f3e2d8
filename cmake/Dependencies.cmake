# SPDX-License-Identifier: Apache-2.0
# Third-party libraries, all Debian 12 packages; `./dev` installs them. Why each: docs/decisions/.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
set(Boost_USE_STATIC_LIBS ON) # see zocalo_quick_start in Flags.cmake
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(GTest REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(BZip2 REQUIRED)
find_package(LibLZMA REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(LZ4 REQUIRED IMPORTED_TARGET liblz4)
find_library(ZOCALO_URING liburing.a REQUIRED) # a thin layer over system calls: no library more to load
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(NFTABLES REQUIRED IMPORTED_TARGET libnftables)
pkg_check_modules(XENCTRL REQUIRED IMPORTED_TARGET xencontrol)
pkg_check_modules(XENGUEST REQUIRED IMPORTED_TARGET xenguest)
pkg_check_modules(XENEVTCHN REQUIRED IMPORTED_TARGET xenevtchn)
pkg_check_modules(XENGNTTAB REQUIRED IMPORTED_TARGET xengnttab)
pkg_check_modules(XENFOREIGNMEMORY REQUIRED IMPORTED_TARGET xenforeignmemory)
pkg_check_modules(XENCALL REQUIRED IMPORTED_TARGET xencall)
pkg_check_modules(XENSTORE REQUIRED IMPORTED_TARGET xenstore)
pkg_check_modules(XENTOOLCORE REQUIRED IMPORTED_TARGET xentoolcore)

# Asio and Beast are compiled once here instead of in every file that includes them.
add_library(zocalo_asio STATIC ${CMAKE_SOURCE_DIR}/cmake/asio_impl.cpp)
target_compile_definitions(zocalo_asio PUBLIC
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_HAS_FILE=0)
target_link_libraries(zocalo_asio PUBLIC Boost::headers Threads::Threads)
target_link_libraries(zocalo_asio PRIVATE zocalo_hosted)
# GCC 12 pairs a coroutine's inlined operator new with the promise's delete and calls them mismatched.
target_compile_options(zocalo_asio PUBLIC $<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>)
