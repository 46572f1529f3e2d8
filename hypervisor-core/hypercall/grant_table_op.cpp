// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_grant_table_op: the guest-visible edge of grant/. So far a domain gets its table;
// nothing of it is mapped for others yet.
#include "hypervisor-core/hypercall/handlers.hpp"
#include "hypervisor-core/hypercall/policy.hpp"

#include <xen/grant_table.h>

namespace zocalo::hv {
namespace {

std::int16_t setup(Call& call, const gnttab_setup_table& args)
{
    const auto domain = policy::resolve(call.system, call.domain(), args.dom);
    if (!domain)
        return GNTST_bad_domain;
    GrantTable& grants = (*domain)->grants;
    if (args.nr_frames > GrantTable::kMaxFrames)
        return GNTST_general_error;
    while (grants.frames() < args.nr_frames) {
        const auto frame = call.system.memory.lend_to((*domain)->id);
        if (!frame || !grants.add_frame(*frame))
            return GNTST_no_device_space;
    }
    const GuestArray<std::uint64_t> list{address_of(args.frame_list)};
    for (std::uint32_t i = 0; i < args.nr_frames; ++i)
        if (!list[i].copy_out(grants.frame(i).value))
            return GNTST_bad_virt_addr;
    return GNTST_okay;
}

Answer setup_table(Call& call)
{
    if (call.arguments[2] != 1)
        return Errno::inval;
    auto args = TRY(call.ref<gnttab_setup_table>(1).copy_in());
    args.status = setup(call, args);
    return call.ref<gnttab_setup_table>(1).copy_out(args);
}

Answer query_size(Call& call)
{
    if (call.arguments[2] != 1)
        return Errno::inval;
    auto args = TRY(call.ref<gnttab_query_size>(1).copy_in());
    const auto domain = policy::resolve(call.system, call.domain(), args.dom);
    args.status = domain ? GNTST_okay : GNTST_bad_domain;
    if (domain) {
        args.nr_frames = (*domain)->grants.frames();
        args.max_nr_frames = GrantTable::kMaxFrames;
    }
    return call.ref<gnttab_query_size>(1).copy_out(args);
}

} // namespace

Answer hypercall::grant_table_op(Call& call)
{
    switch (call.arguments[0]) {
    case GNTTABOP_setup_table:
        return setup_table(call);
    case GNTTABOP_query_size:
        return query_size(call);
    default:
        return Errno::nosys;
    }
}

} // namespace zocalo::hv
