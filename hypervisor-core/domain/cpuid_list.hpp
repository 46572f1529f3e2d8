// SPDX-License-Identifier: Apache-2.0
// CpuidList: what the tools want a domain to see of the processor (XEN_DOMCTL_set_cpu_policy), leaf
// by leaf, in a frame that the domain owns. What of it a guest gets is pv/cpuid.hpp's.
#pragma once

#include "common/base/address.hpp"

#include <xen/xen.h>

#include <cstdint>
#include <span>
#include <utility>

namespace zocalo::hv {

class CpuidList {
  public:
    // What the tools reserve for such lists.
    static constexpr std::uint32_t kMost = 160;
    static_assert(kMost * sizeof(xen_cpuid_leaf_t) <= kPageSize);

    // `page` is empty memory that stays until take_page().
    void start(std::byte* page) { entries_ = reinterpret_cast<xen_cpuid_leaf_t*>(page); }
    bool is_empty() const { return entries_ == nullptr; }
    xen_cpuid_leaf_t* take_page()
    {
        count_ = 0;
        return std::exchange(entries_, nullptr);
    }

    // Adds a leaf, or replaces what was said of it; false when there is no room.
    bool put(const xen_cpuid_leaf_t& leaf)
    {
        for (xen_cpuid_leaf_t& entry : std::span{entries_, count_})
            if (entry.leaf == leaf.leaf && entry.subleaf == leaf.subleaf) {
                entry = leaf;
                return true;
            }
        if (count_ == kMost)
            return false;
        entries_[count_++] = leaf;
        return true;
    }

    const xen_cpuid_leaf_t* find(std::uint32_t leaf, std::uint32_t subleaf) const
    {
        for (const xen_cpuid_leaf_t& entry : std::span{entries_, count_})
            if (entry.leaf == leaf &&
                (entry.subleaf == XEN_CPUID_NO_SUBLEAF || entry.subleaf == subleaf))
                return &entry;
        return nullptr;
    }

  private:
    xen_cpuid_leaf_t* entries_{};
    std::uint32_t count_{};
};

} // namespace zocalo::hv
