// SPDX-License-Identifier: Apache-2.0
// Grants of the domain to itself: its table, its own number, mapping and unmapping.
#pragma once

#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/verdict.hpp"

#include <xen/event_channel.h>
#include <xen/grant_table.h>

namespace zocalo::guest {

inline std::int64_t grant_op(unsigned command, void* items, unsigned count = 1)
{
    return hypercall(__HYPERVISOR_grant_table_op, command, items, count);
}

// The first frame of the table, mapped at a page of its own.
inline Page& grant_frame()
{
    std::uint64_t frames[1] = {};
    gnttab_setup_table setup{};
    setup.dom = DOMID_SELF;
    setup.nr_frames = 1;
    setup.frame_list.p = frames;
    same(grant_op(GNTTABOP_setup_table, &setup), 0, "setup_table");
    same(setup.status, GNTST_okay, "its status");
    Page& page = new_page();
    const auto address = reinterpret_cast<std::uint64_t>(&page);
    same(map(address, frames[0] * kPageSize | kReadWrite), 0, "the table");
    return page;
}

// A channel to oneself tells one's number.
inline domid_t own_number()
{
    evtchn_alloc_unbound args{DOMID_SELF, DOMID_SELF, 0};
    hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &args);
    evtchn_status status{};
    status.dom = DOMID_SELF;
    status.port = args.port;
    hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_status, &status);
    return status.u.unbound.dom;
}

inline gnttab_map_grant_ref
mapped(std::uint64_t address, grant_ref_t ref, std::uint32_t flags, domid_t granter)
{
    gnttab_map_grant_ref args{};
    args.host_addr = address;
    args.ref = ref;
    args.dom = granter;
    args.flags = flags;
    same(grant_op(GNTTABOP_map_grant_ref, &args), 0, "map_grant_ref");
    return args;
}

inline std::int16_t unmapped(std::uint64_t address, grant_handle_t handle, std::uint64_t bus = 0)
{
    gnttab_unmap_grant_ref args{address, bus, handle, 0};
    same(grant_op(GNTTABOP_unmap_grant_ref, &args), 0, "unmap_grant_ref");
    return args.status;
}

} // namespace zocalo::guest
