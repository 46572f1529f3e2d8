// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/cpu_topology.hpp"

#include <cstdint>
#include <utility>

namespace zocalo::xen {
namespace {

constexpr std::uint32_t kFeatures = 1;
constexpr std::uint32_t kCaches = 4; // one subleaf a cache; Intel
constexpr std::uint32_t kExtendedFeatures = 0x80000001;
constexpr std::uint32_t kExtendedSizes = 0x80000008; // AMD

constexpr std::uint32_t kHtt = 1U << 28; // leaf 1, EDX: the count of logical processors is valid
constexpr std::uint32_t kCmpLegacy = 1U << 1; // 8000_0001h, ECX: that count means cores

struct Field {
    unsigned shift;
    std::uint32_t most;

    constexpr std::uint32_t of(std::uint32_t word) const { return (word >> shift) & most; }
    constexpr std::uint32_t put(std::uint32_t word, std::uint32_t value) const
    {
        return (word & ~(most << shift)) | (value << shift);
    }
};

constexpr Field kLogicalProcessors{16, 0xff}; // leaf 1, EBX
constexpr Field kCacheType{0, 0x1f};          // leaf 4, EAX; 0: no more caches
constexpr Field kCacheSharers{14, 0xfff};     // leaf 4, EAX, minus one
constexpr Field kCoresMinusOne{26, 0x3f};     // leaf 4, EAX
constexpr Field kAmdCoresMinusOne{0, 0xff};   // 8000_0008h, ECX
constexpr Field kAmdApicIdBits{12, 0xf};      // 8000_0008h, ECX; 0: see the count of cores

// For fields that hold a count minus one.
constexpr std::uint32_t doubled_minus_one(std::uint32_t word, Field field)
{
    const std::uint32_t n = field.of(word);
    return n > field.most / 2 ? word : field.put(word, n * 2 + 1);
}

constexpr void edit(xen_cpuid_leaf_t& leaf)
{
    switch (leaf.leaf) {
    case kFeatures: {
        const std::uint32_t n = kLogicalProcessors.of(leaf.b);
        if (n <= kLogicalProcessors.most / 2)
            leaf.b = kLogicalProcessors.put(leaf.b, n * 2);
        leaf.d |= kHtt;
        break;
    }
    case kCaches:
        if (kCacheType.of(leaf.a) != 0)
            leaf.a = kCacheSharers.put(doubled_minus_one(leaf.a, kCoresMinusOne), 0);
        break;
    case kExtendedFeatures:
        leaf.c &= ~kCmpLegacy;
        break;
    case kExtendedSizes: {
        // Both fields describe one thing: both change, or none.
        const std::uint32_t bits = kAmdApicIdBits.of(leaf.c);
        if (kAmdCoresMinusOne.of(leaf.c) > kAmdCoresMinusOne.most / 2 ||
            bits == kAmdApicIdBits.most)
            break;
        leaf.c = doubled_minus_one(leaf.c, kAmdCoresMinusOne);
        if (bits != 0)
            leaf.c = kAmdApicIdBits.put(leaf.c, bits + 1);
        break;
    }
    default:
        break;
    }
}

constexpr bool same(const xen_cpuid_leaf_t& x, const xen_cpuid_leaf_t& y)
{
    return x.a == y.a && x.b == y.b && x.c == y.c && x.d == y.d;
}

} // namespace

std::size_t space_out_apic_ids(std::span<xen_cpuid_leaf_t> leaves)
{
    std::size_t changed = 0;
    for (xen_cpuid_leaf_t& leaf : leaves) {
        const xen_cpuid_leaf_t before = leaf;
        edit(leaf);
        if (!same(leaf, before))
            std::swap(leaf, leaves[changed++]);
    }
    return changed;
}

} // namespace zocalo::xen
