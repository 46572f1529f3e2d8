// SPDX-License-Identifier: Apache-2.0
// Mapping granted pages into a domain's page tables, and taking them out again. A mapping holds a
// pin of the grant besides the references of its page-table entry; the pin goes only after every
// processor has forgotten the translation, or the owner would take back a page that others still
// reach. Guest memory is not looked at here: hypercall/ copies the operations. Under the system
// lock.
#pragma once

#include "hypervisor-core/grant/grant_table.hpp"
#include "hypervisor-core/grant/map_track.hpp"
#include "hypervisor-core/mm/page_tables.hpp"

namespace zocalo::hv {

// The domain that maps.
struct GrantUser {
    DomId id{};
    MapTrack& track;
    Mfn root{}; // the L4 its virtual addresses are looked up in
};

struct GrantMapper {
    Memory& memory;
    PageTables& tables;
};

struct MapRequest {
    std::uint64_t host_addr{};
    std::uint32_t flags{}; // GNTMAP_*
    GrantRef ref{};
};
struct MapAnswer {
    grant_handle_t handle{};
    std::uint64_t dev_bus_addr{}; // with GNTMAP_device_map
};

// GNTTABOP_map_grant_ref
GrantResult<MapAnswer>
map_grant(const GrantMapper& mm, GrantUser& user, GrantTable& granter, const MapRequest& request);

struct UnmapRequest {
    std::uint64_t host_addr{};    // 0: the host mapping stays
    std::uint64_t dev_bus_addr{}; // 0: the device mapping stays
    std::uint64_t new_addr{};     // whose entry moves to host_addr (GNTTABOP_unmap_and_replace)
    grant_handle_t handle{};
};
// What an unmap has taken away, and whose pins go once no processor remembers it.
struct Unmapped {
    grant_handle_t handle{};
    unsigned uses{};
};

// GNTTABOP_unmap_grant_ref, GNTTABOP_unmap_and_replace, first half: the page-table entry.
GrantResult<Unmapped> begin_unmap(
    const GrantMapper& mm, GrantUser& user, GrantTable& granter, const UnmapRequest& request
);
// Second half, after a flush: the pins, and the handle if nothing is left of it.
void end_unmap(Memory& memory, MapTrack& track, GrantTable& granter, const Unmapped& unmapped);

// All uses of a handle whose domain has no page tables any more.
void abandon_mapping(Memory& memory, MapTrack& track, GrantTable& granter, grant_handle_t handle);

} // namespace zocalo::hv
