// SPDX-License-Identifier: Apache-2.0
// FIFO event channels (xen/event_channel.h): an array of event words and, for each vCPU, a control
// block with the heads of sixteen queues by priority; all in the guest's own memory, which it
// changes without our lock. What is relied on is kept here: the tails, and which queue an event was
// put into last. A guest that spoils its words loses its own events. Under the system lock.
#pragma once

#include "hypervisor-core/domain/system.hpp"

namespace zocalo::hv::fifo {

// EVTCHNOP_init_control: the vCPU's control block is at `offset` of the frame; the domain's first
// one changes it from two-level channels. inval: it has one, or there can be none; noent: no such
// vCPU.
Result<Unit>
init_control(System& system, Domain& domain, std::uint64_t vcpu, Mfn frame, std::uint32_t offset);

// EVTCHNOP_expand_array: 1024 more words. opnotsupp: no control block yet; nospc: enough for all
// ports.
Result<Unit> expand_array(System& system, Domain& domain, Mfn frame);

// EVTCHNOP_set_priority. nosys: two-level channels have none.
Result<Unit> set_priority(Domain& domain, EventPort port, std::uint32_t priority);

// The port has something: marks it, and queues it unless it is masked. False: it had before.
bool set_pending(System& system, Domain& domain, EventPort port);
void clear_pending(Domain& domain, EventPort port);
void unmask(System& system, Domain& domain, EventPort port);
bool is_pending(const Domain& domain, EventPort port);

// Back to two-level channels; all memory is the guest's again.
void leave(System& system, Domain& domain);

} // namespace zocalo::hv::fifo
