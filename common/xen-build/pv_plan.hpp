// SPDX-License-Identifier: Apache-2.0
// PvPlan: where everything sits in a 64-bit PV guest's memory at start. The order is ABI
// (xen/xen.h, "Start-of-day memory layout"). Pure: toolstackd carries it out for guests, the
// hypervisor for dom0.
#pragma once

#include "common/base/address.hpp"
#include "common/xen-build/kernel_image.hpp"

namespace zocalo::xen {

struct PfnRange {
    Pfn first{};
    std::uint64_t pages{};

    constexpr Pfn end() const { return first + pages; }
    constexpr bool holds(Pfn pfn) const { return pfn >= first && pfn < end(); }
};

// A run of pages mapped one after the other at `va`, and the tables below the L4 that do it.
struct PvMapping {
    std::uint64_t va{};
    PfnRange pages;
    // Tables of each level that the range touches; l3 is always 1 (one L4 slot).
    std::uint64_t l3{}, l2{}, l1{};

    constexpr std::uint64_t tables() const { return l3 + l2 + l1; }
};

struct PvRequest {
    std::uint64_t pages{};         // the guest's memory, in pages
    std::uint64_t initrd_bytes{};  // 0: none
    std::uint64_t cmdline_bytes{}; // without its NUL; start_info holds 1023
};

struct PvPlan {
    std::uint64_t pages{};
    std::uint64_t initrd_bytes{};
    std::uint64_t entry{};        // VA of the first instruction
    std::uint64_t virt_base{};    // VA of pfn 0
    std::uint64_t paddr_offset{}; // what to subtract from a segment's paddr to get guest-physical
    bool initrd_by_pfn{};         // start_info.mod_start is a pfn and the initrd is not mapped
    bool p2m_is_apart{};          // the P2M has its own mapping (INIT_P2M) and tables
    PfnRange kernel, initrd, p2m; // p2m: the list alone, without tables
    PfnRange start_info, xenstore, console;
    PfnRange tables;            // L4 first, then the tables of `boot`
    PfnRange stack;             // one page; rsp starts at its end
    PfnRange p2m_tables;        // tables of `p2m_map`, directly behind the list
    PvMapping boot;             // pfn 0 … at virt_base: all of the above but an unmapped initrd
    PvMapping p2m_map;          // the list at INIT_P2M, when apart
    std::uint64_t used_pages{}; // everything behind this pfn is free memory

    std::uint64_t va(Pfn pfn) const { return virt_base + (pfn.value << kPageShift); }
    std::uint64_t stack_top() const { return va(stack.end()); }
    std::uint64_t p2m_va() const { return p2m_is_apart ? p2m_map.va : va(p2m.first); }
    std::uint64_t table_pages() const { return tables.pages + p2m_tables.pages; }
    // Guest-physical page a segment byte at `paddr` belongs to.
    std::uint64_t guest_physical(std::uint64_t paddr) const { return paddr - paddr_offset; }
};

// The largest guest planned: 16 TiB, far below where an L4 slot could not hold its P2M.
inline constexpr std::uint64_t kMaxPvPages = std::uint64_t{1} << 32;

// Lays the guest out, or says why this kernel cannot start in that much memory.
Planned<PvPlan> plan_pv(const KernelImage& kernel, const PvRequest& request);

} // namespace zocalo::xen
