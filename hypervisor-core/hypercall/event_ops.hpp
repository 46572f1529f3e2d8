// SPDX-License-Identifier: Apache-2.0
// The operations of HYPERVISOR_event_channel_op that have a file of their own (event_fifo_op.cpp).
#pragma once

#include "hypervisor-core/hypercall/handlers.hpp"

#include <xen/event_channel.h>

namespace zocalo::hv {

// EVTCHNOP_reset that goes on; the public header shows the number to hypervisors only.
inline constexpr std::uint64_t kEventResetContinued = 14;

Answer event_init_control(Call& call); // EVTCHNOP_init_control
Answer event_expand_array(Call& call); // EVTCHNOP_expand_array
Answer event_set_priority(Call& call); // EVTCHNOP_set_priority
Answer event_reset(Call& call);        // EVTCHNOP_reset

// Closes the channel, and tells its other end. inval: it is closed.
Result<Unit> close_event_channel(System& system, Domain& domain, EventPort port);

} // namespace zocalo::hv
