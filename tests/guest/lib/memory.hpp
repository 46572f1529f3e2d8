// SPDX-License-Identifier: Apache-2.0
// The guest's own memory: which machine frames it has, its page tables, and pages to play with.
#pragma once

#include <xen/xen.h>

#include <array>
#include <cstdint>

namespace zocalo::guest {

inline constexpr std::uint64_t kBase = 0xffffffff80000000;
inline constexpr std::uint64_t kPageSize = 4096;

// Bits of page-table entries (Intel SDM volume 3, section 4.5).
inline constexpr std::uint64_t kPresent = 1, kWritable = 2, kUser = 4, kAccessed = 1 << 5;
inline constexpr std::uint64_t kDirty = 1 << 6, kLarge = 1 << 7, kGlobal = 1 << 8;
inline constexpr std::uint64_t kNoExecute = std::uint64_t{1} << 63;
inline constexpr std::uint64_t kReadOnly = kPresent | kUser | kAccessed;
inline constexpr std::uint64_t kReadWrite = kReadOnly | kWritable | kDirty;
inline constexpr std::uint64_t kFrameMask = 0x000ffffffffff000;

extern "C" start_info* info;
// Where start_memory() mapped it.
shared_info& shared();
// This vCPU's part of it.
vcpu_info& vcpu_area();

void start_memory();

struct alignas(kPageSize) Page {
    std::array<std::uint64_t, 512> words;
};

// A page of the image that nobody else uses; they are zero at first.
Page& new_page();

std::uint64_t mfn_of(const void* virtual_address);
// Only for frames within the initial mapping.
void* virtual_of(std::uint64_t mfn);
inline std::uint64_t machine_of(const void* virtual_address)
{
    return mfn_of(virtual_address) * kPageSize +
           (reinterpret_cast<std::uint64_t>(virtual_address) & (kPageSize - 1));
}
inline std::uint64_t entry_for(const void* page, std::uint64_t flags)
{
    return mfn_of(page) * kPageSize | flags;
}

// The entry that translates `address` in the tables of `level`; null when there is no such table.
std::uint64_t* entry_at(std::uint64_t address, unsigned level);
std::uint64_t root_mfn();

// HYPERVISOR_update_va_mapping with a flush of the page; respectively one HYPERVISOR_mmu_update.
std::int64_t map(std::uint64_t address, std::uint64_t entry);
std::int64_t map(const Page& page, std::uint64_t flags); // where it is
std::int64_t update(std::uint64_t machine_address, std::uint64_t value, unsigned kind = 0);
std::int64_t mmuext(unsigned command, std::uint64_t argument1, std::uint64_t argument2 = 0);

// A free range of 512 GiB that test code may build tables for.
inline constexpr std::uint64_t kFreeRange = std::uint64_t{0x10} << 39;

} // namespace zocalo::guest
