// SPDX-License-Identifier: Apache-2.0
// GNTTABOP_map_grant_ref, GNTTABOP_unmap_grant_ref, GNTTABOP_unmap_and_replace.
#include "hypervisor-core/domain/destroy.hpp"
#include "hypervisor-core/hypercall/grant_ops.hpp"

namespace zocalo::hv {
namespace {

GrantUser user_of(const Call& call)
{
    return {call.domain().id, call.domain().mappings, call.vcpu.pv.kernel_table};
}

// One unmap that waits for the flush, and the item that says how it went.
struct Waiting {
    Domain* granter{};
    Unmapped unmapped;
};

// Whose grant a handle stands for. A domain stays while any of its grants is used.
Domain* granter_of_handle(Call& call, grant_handle_t handle)
{
    const Mapping* const mapping = call.domain().mappings.find(handle);
    return mapping != nullptr ? call.system.domain(mapping->granter) : nullptr;
}

GrantStatus start(Call& call, const UnmapRequest& request, Waiting& waiting)
{
    Domain* const granter = granter_of_handle(call, request.handle);
    if (granter == nullptr)
        return GrantStatus::bad_handle;
    GrantUser user = user_of(call);
    const auto begun =
        begin_unmap({call.system.memory, call.system.tables}, user, granter->grants, request);
    if (!begun)
        return begun.error();
    waiting = {granter, *begun};
    return GrantStatus::okay;
}

void finish(Call& call, std::span<const Waiting> batch)
{
    bool any = false;
    for (const Waiting& waiting : batch)
        any = any || waiting.unmapped.uses != 0;
    if (!any)
        return;
    FrameTable& frames = call.system.memory.frames();
    frames.flush_since(frames.clock().stamp());
    for (const Waiting& waiting : batch) {
        if (waiting.granter == nullptr || waiting.unmapped.uses == 0)
            continue;
        end_unmap(
            call.system.memory, call.domain().mappings, waiting.granter->grants, waiting.unmapped
        );
    }
    // Only now: several of the batch may have been grants of the same domain.
    for (const Waiting& waiting : batch)
        if (waiting.granter != nullptr)
            bury_if_dead(call.system, waiting.granter->id);
}

// The page-table entries of a batch go first, then one flush, then the pins.
template <class Op, class Decode> Answer unmap_list(Call& call, Decode decode)
{
    const GuestArray<Op> items{call.arguments[1]};
    const std::uint64_t count = call.arguments[2];
    const std::uint64_t end = std::min(count, kGrantBatch);
    std::array<Waiting, kGrantBatch> batch{};
    Result<Unit> copied = Unit{};
    for (std::uint64_t i = 0; i < end && copied; ++i) {
        auto item = items[i].copy_in();
        if (!item) {
            copied = item.error();
            break;
        }
        item->status = static_cast<std::int16_t>(start(call, decode(*item), batch[i]));
        copied = items[i].copy_out(*item);
    }
    finish(call, batch);
    if (copied && end < count)
        return call.again({call.arguments[0], items[end].address(), count - end});
    return copied;
}

} // namespace

Answer grant_map(Call& call)
{
    return grant_list<gnttab_map_grant_ref>(call, [&](gnttab_map_grant_ref& args) {
        const auto granter = granter_of(call, args.dom);
        if (!granter)
            return granter.error();
        GrantUser user = user_of(call);
        const auto mapped = map_grant(
            {call.system.memory, call.system.tables},
            user,
            **granter,
            {args.host_addr, args.flags, GrantRef{args.ref}}
        );
        if (!mapped)
            return mapped.error();
        args.handle = mapped->handle;
        args.dev_bus_addr = mapped->dev_bus_addr;
        return GrantStatus::okay;
    });
}

Answer grant_unmap(Call& call)
{
    return unmap_list<gnttab_unmap_grant_ref>(call, [](const gnttab_unmap_grant_ref& args) {
        return UnmapRequest{args.host_addr, args.dev_bus_addr, 0, args.handle};
    });
}

Answer grant_unmap_and_replace(Call& call)
{
    return unmap_list<gnttab_unmap_and_replace>(call, [](const gnttab_unmap_and_replace& args) {
        return UnmapRequest{args.host_addr, 0, args.new_addr, args.handle};
    });
}

} // namespace zocalo::hv
