// SPDX-License-Identifier: Apache-2.0
// One type per address space (xen/include/xen/mm.h names them: mfn, gfn, pfn). Conversions between
// spaces exist only where a table proves them, never here.
#pragma once

#include <compare>
#include <cstdint>

namespace zocalo {

inline constexpr std::uint64_t kPageShift = 12;
inline constexpr std::uint64_t kPageSize = 1ULL << kPageShift;

template <class Space> struct Frame {
    std::uint64_t value{};
    friend constexpr auto operator<=>(Frame, Frame) = default;
    friend constexpr Frame operator+(Frame f, std::uint64_t n) { return {f.value + n}; }
    friend constexpr std::uint64_t operator-(Frame a, Frame b) { return a.value - b.value; }
};

using Mfn = Frame<struct MachineSpace>; // what hardware page tables hold
using Gfn = Frame<struct GuestSpace>;   // what a guest puts in its own page tables
using Pfn = Frame<struct PseudoSpace>;  // a PV guest's linear idea of its own RAM

struct DomId {
    std::uint16_t value{};
    friend constexpr auto operator<=>(DomId, DomId) = default;
};

// Domain number of dom0, and the first number that is not a domain (DOMID_FIRST_RESERVED).
inline constexpr DomId kDom0{0};
inline constexpr std::uint16_t kFirstReservedDomId = 0x7ff0;

struct EventPort {
    std::uint32_t value{};
    friend constexpr auto operator<=>(EventPort, EventPort) = default;
};

struct GrantRef {
    std::uint32_t value{};
    friend constexpr auto operator<=>(GrantRef, GrantRef) = default;
};

} // namespace zocalo
