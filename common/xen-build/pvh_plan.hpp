// SPDX-License-Identifier: Apache-2.0
// PvhPlan: the guest-physical layout of a PVH guest: RAM around the memory hole, kernel, boot
// information, initrd, ACPI tables and the pages shared with the hypervisor. Pure; see
// pvh_start.hpp for the contents. Source: xen/arch-x86/hvm/start_info.h and the PVH boot protocol
// (docs of Xen 4.17).
#pragma once

#include "common/base/address.hpp"
#include "common/xen-build/kernel_image.hpp"

#include <array>

namespace zocalo::xen {

enum class MapType : std::uint32_t { ram = 1, reserved = 2, acpi = 3 }; // XEN_HVM_MEMMAP_TYPE_*

struct MapEntry {
    std::uint64_t address{};
    std::uint64_t size{};
    MapType type{MapType::ram};
};

struct PhysRange {
    std::uint64_t address{};
    std::uint64_t bytes{};

    constexpr std::uint64_t end() const { return address + bytes; }
};

struct PvhRequest {
    std::uint64_t pages{};         // RAM that the guest may ever own (maxmem)
    unsigned vcpus{1};             // the maximum, not those online
    std::uint64_t initrd_bytes{};  // 0: none
    std::uint64_t cmdline_bytes{}; // without its NUL
};

struct PvhPlan {
    static constexpr std::uint64_t kHoleStart = 0xf0000000; // RAM goes on at 4 GiB
    static constexpr std::uint64_t kAcpiBase = 0xfc000000;
    static constexpr std::uint64_t kSpecialBase = 0xfeff8000; // up to 0xff000000
    static constexpr Gfn kXenstore{0xfeffc};
    static constexpr Gfn kIdentityMap{0xfeffe}; // HVM_PARAM_IDENT_PT
    static constexpr Gfn kConsole{0xfefff};
    static constexpr unsigned kMaxVcpus = 128; // HVM_MAX_VCPUS
    static constexpr unsigned kMaxEntries = 8;

    std::uint64_t low_pages{};  // RAM from 0
    std::uint64_t high_pages{}; // RAM from 4 GiB
    unsigned vcpus{};
    std::uint64_t entry{}; // physical, 32-bit
    PhysRange kernel, start_info, initrd, acpi;
    // Inside start_info:
    std::uint64_t modlist_at{}, memmap_at{}, cmdline_at{};
    std::uint64_t cmdline_bytes{};
    std::array<MapEntry, kMaxEntries> map{};
    unsigned map_entries{};

    std::span<const MapEntry> memory_map() const { return {map.data(), map_entries}; }
};

Planned<PvhPlan> plan_pvh(const KernelImage& kernel, const PvhRequest& request);

} // namespace zocalo::xen
