// SPDX-License-Identifier: Apache-2.0
// Hypercalls as a guest's kernel makes them: the number in rax, up to five arguments, `syscall`.
#pragma once

#include <xen/xen.h>

#include <cstdint>
#include <type_traits>

namespace zocalo::guest {

// XEN_E* of xen/errno.h, negative as hypercalls return them.
inline constexpr std::int64_t kPerm = -1, kNoEntry = -2, kNoSuchDomain = -3, kTooBig = -7;
inline constexpr std::int64_t kNoMemory = -12, kFault = -14, kBusy = -16, kExists = -17;
inline constexpr std::int64_t kInvalid = -22, kNoSpace = -28, kNoSuchCall = -38,
                              kNotSupported = -95;

template <class T> std::uint64_t word(T value)
{
    if constexpr (std::is_pointer_v<T>)
        return reinterpret_cast<std::uint64_t>(value);
    else
        return static_cast<std::uint64_t>(value);
}

template <class A = int, class B = int, class C = int, class D = int, class E = int>
std::int64_t hypercall(unsigned number, A a = {}, B b = {}, C c = {}, D d = {}, E e = {})
{
    std::uint64_t rax = number, rdi = word(a), rsi = word(b), rdx = word(c);
    register std::uint64_t r10 asm("r10") = word(d);
    register std::uint64_t r8 asm("r8") = word(e);
    asm volatile("syscall"
                 : "+a"(rax), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8)
                 :
                 : "rcx", "r11", "memory");
    return static_cast<std::int64_t>(rax);
}

} // namespace zocalo::guest
