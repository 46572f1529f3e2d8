// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_grant_table_op: the guest-visible edge of grant/. The table itself is here, its uses
// are in grant_map_op.cpp and grant_copy_op.cpp. Refused: transfer, dump and cache_flush
// (docs: no guest of ours needs them).
#include "hypervisor-core/hypercall/grant_ops.hpp"

namespace zocalo::hv {
namespace {

// The domain whose table it is about: the caller's own, or any for who may ask.
GrantResult<Domain*> named_domain(Call& call, std::uint16_t number)
{
    const auto domain = policy::resolve(call.system, call.domain(), number);
    if (domain)
        return *domain;
    return domain.error() == Errno::perm ? GrantStatus::permission_denied : GrantStatus::bad_domain;
}

Answer setup_table(Call& call) // GNTTABOP_setup_table
{
    if (call.arguments[2] != 1)
        return Errno::inval;
    return grant_list<gnttab_setup_table>(call, [&](const gnttab_setup_table& args) {
        const auto domain = named_domain(call, args.dom);
        if (!domain)
            return domain.error();
        GrantTable& grants = (*domain)->grants;
        if ((*domain)->dying || !grants.grow(call.system.memory, args.nr_frames))
            return GrantStatus::general_error;
        const GuestArray<std::uint64_t> list{address_of(args.frame_list)};
        for (std::uint32_t i = 0; i < args.nr_frames; ++i)
            if (!list[i].copy_out(grants.frame(i).value))
                return GrantStatus::bad_virt_addr;
        return GrantStatus::okay;
    });
}

Answer query_size(Call& call) // GNTTABOP_query_size
{
    if (call.arguments[2] != 1)
        return Errno::inval;
    return grant_list<gnttab_query_size>(call, [&](gnttab_query_size& args) {
        const auto domain = named_domain(call, args.dom);
        if (!domain)
            return domain.error();
        args.nr_frames = (*domain)->grants.frames();
        args.max_nr_frames = (*domain)->grants.limit();
        return GrantStatus::okay;
    });
}

Answer set_version(Call& call) // GNTTABOP_set_version
{
    if (call.arguments[2] != 1)
        return Errno::inval;
    auto args = TRY(call.ref<gnttab_set_version>(1).copy_in());
    GrantTable& grants = call.domain().grants;
    const auto done = grants.set_version(call.system.memory, args.version);
    args.version = grants.version(); // what it is now, whatever was asked for
    TRY(call.ref<gnttab_set_version>(1).copy_out(args));
    return done;
}

Answer get_version(Call& call) // GNTTABOP_get_version
{
    if (call.arguments[2] != 1)
        return Errno::inval;
    auto args = TRY(call.ref<gnttab_get_version>(1).copy_in());
    const Domain& domain = *TRY(policy::resolve(call.system, call.domain(), args.dom));
    args.version = domain.grants.version();
    return call.ref<gnttab_get_version>(1).copy_out(args);
}

Answer get_status_frames(Call& call) // GNTTABOP_get_status_frames
{
    if (call.arguments[2] != 1)
        return Errno::inval;
    return grant_list<gnttab_get_status_frames>(call, [&](const gnttab_get_status_frames& args) {
        const auto domain = named_domain(call, args.dom);
        if (!domain)
            return domain.error();
        const GrantTable& grants = (*domain)->grants;
        if ((*domain)->dying || args.nr_frames > grants.status_frames())
            return GrantStatus::general_error;
        const GuestArray<std::uint64_t> list{address_of(args.frame_list)};
        for (std::uint32_t i = 0; i < args.nr_frames; ++i)
            if (!list[i].copy_out(grants.status_frame(i).value))
                return GrantStatus::bad_virt_addr;
        return GrantStatus::okay;
    });
}

Answer swap(Call& call) // GNTTABOP_swap_grant_ref
{
    return grant_list<gnttab_swap_grant_ref>(call, [&](const gnttab_swap_grant_ref& args) {
        return call.domain().grants.swap(GrantRef{args.ref_a}, GrantRef{args.ref_b});
    });
}

struct Table {
    std::array<Handler, GNTTABOP_cache_flush + 1> handlers{};

    constexpr Table()
    {
        handlers[GNTTABOP_map_grant_ref] = grant_map;
        handlers[GNTTABOP_unmap_grant_ref] = grant_unmap;
        handlers[GNTTABOP_setup_table] = setup_table;
        handlers[GNTTABOP_copy] = grant_copy;
        handlers[GNTTABOP_query_size] = query_size;
        handlers[GNTTABOP_unmap_and_replace] = grant_unmap_and_replace;
        handlers[GNTTABOP_set_version] = set_version;
        handlers[GNTTABOP_get_status_frames] = get_status_frames;
        handlers[GNTTABOP_get_version] = get_version;
        handlers[GNTTABOP_swap_grant_ref] = swap;
    }
};
constexpr Table kOperations;

} // namespace

Answer hypercall::grant_table_op(Call& call)
{
    const auto operation = static_cast<std::uint32_t>(call.arguments[0]);
    const Handler handler =
        operation < kOperations.handlers.size() ? kOperations.handlers[operation] : nullptr;
    if (handler == nullptr)
        return Errno::nosys;
    call.arguments[2] = static_cast<std::uint32_t>(call.arguments[2]);
    if (call.arguments[2] > std::numeric_limits<std::int32_t>::max())
        return Errno::inval;
    return handler(call);
}

} // namespace zocalo::hv
