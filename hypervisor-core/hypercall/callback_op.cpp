// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_callback_op: where the guest's kernel continues for events and system calls.
#include "hypervisor-core/hypercall/handlers.hpp"

#include <xen/callback.h>

namespace zocalo::hv {
namespace {

Callback* callback_of(PvState& pv, std::uint16_t type)
{
    switch (type) {
    case CALLBACKTYPE_event:
        return &pv.event;
    case CALLBACKTYPE_failsafe:
        return &pv.failsafe;
    case CALLBACKTYPE_syscall:
        return &pv.syscall;
    case CALLBACKTYPE_syscall32:
        return &pv.syscall32;
    case CALLBACKTYPE_sysenter: // remembered; the instruction is hidden from guests
        return &pv.sysenter;
    default: // no NMIs are delivered
        return nullptr;
    }
}

constexpr bool is_canonical(std::uint64_t address)
{
    const std::uint64_t top = address >> 47;
    return top == 0 || top == 0x1ffff;
}

Answer register_callback(Call& call)
{
    const auto args = TRY(call.ref<callback_register>(1).copy_in());
    Callback* const callback = callback_of(call.vcpu.pv, args.type);
    if (!is_canonical(args.address))
        return Errno::inval;
    if (callback == nullptr)
        return Errno::nosys;
    *callback = {args.address, (args.flags & CALLBACKF_mask_events) != 0};
    return 0;
}

// Those there are cannot be done without, once registered.
Answer unregister_callback(Call& call)
{
    const auto args = TRY(call.ref<callback_unregister>(1).copy_in());
    return callback_of(call.vcpu.pv, args.type) != nullptr ? Errno::inval : Errno::nosys;
}

} // namespace

Answer hypercall::callback_op(Call& call)
{
    switch (call.arguments[0]) {
    case CALLBACKOP_register:
        return register_callback(call);
    case CALLBACKOP_unregister:
        return unregister_callback(call);
    default:
        return Errno::nosys;
    }
}

} // namespace zocalo::hv
