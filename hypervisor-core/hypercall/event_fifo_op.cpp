// SPDX-License-Identifier: Apache-2.0
// The operations of HYPERVISOR_event_channel_op about FIFO channels, and EVTCHNOP_reset.
#include "hypervisor-core/domain/event_fifo.hpp"
#include "hypervisor-core/hypercall/event_ops.hpp"
#include "hypervisor-core/hypercall/policy.hpp"

namespace zocalo::hv {

Answer event_init_control(Call& call)
{
    constexpr std::uint8_t kLinkBits = EVTCHN_FIFO_LINK_BITS;
    auto args = TRY(call.ref<evtchn_init_control>(1).copy_in());
    args.link_bits = kLinkBits;
    TRY(fifo::init_control(
        call.system, call.domain(), args.vcpu, Mfn{args.control_gfn}, args.offset
    ));
    return call.ref<evtchn_init_control>(1).copy_out(args);
}

Answer event_expand_array(Call& call)
{
    const auto args = TRY(call.ref<evtchn_expand_array>(1).copy_in());
    return fifo::expand_array(call.system, call.domain(), Mfn{args.array_gfn});
}

Answer event_set_priority(Call& call)
{
    const auto args = TRY(call.ref<evtchn_set_priority>(1).copy_in());
    return fifo::set_priority(call.domain(), EventPort{args.port}, args.priority);
}

// All channels close, and the next ones are two-level again. How far it is stands in an argument
// that guests have no use for.
Answer event_reset(Call& call)
{
    constexpr std::uint64_t kBatch = 256;
    const auto args = TRY(call.ref<evtchn_reset>(1).copy_in());
    Domain& domain = *TRY(policy::resolve(call.system, call.domain(), args.dom));
    const bool goes_on = call.arguments[0] == kEventResetContinued;
    const std::uint64_t begin = goes_on ? call.arguments[2] : 1;
    for (std::uint64_t port = begin; port < domain.events.ports(); ++port) {
        if (port - begin == kBatch)
            return call.again({kEventResetContinued, call.arguments[1], port});
        static_cast<void>(
            close_event_channel(call.system, domain, EventPort{static_cast<std::uint32_t>(port)})
        ); // those that are closed stay so
    }
    fifo::leave(call.system, domain);
    return 0;
}

} // namespace zocalo::hv
