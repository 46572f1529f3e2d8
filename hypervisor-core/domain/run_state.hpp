// SPDX-License-Identifier: Apache-2.0
// Stopping and starting vCPUs, and what a processor does between two guests. Under the system lock.
#pragma once

#include "hypervisor-core/domain/system.hpp"

namespace zocalo::hv {

// Adds or removes a reason why the vCPU may not run.
void hold(System& system, Vcpu& vcpu, Hold why);
void unhold(System& system, Vcpu& vcpu, Hold why);

// Pauses nest; each must be undone.
void pause_domain(System& system, Domain& domain);
void unpause_domain(System& system, Domain& domain);

// True when the vCPU's state is in its structure: no processor runs it, nor idles with its
// registers and page tables. Otherwise its processor is told to let go of it, if it may: ask again.
bool settle(System& system, const Vcpu& vcpu);

// SCHEDOP_shutdown: the domain stops and says why. For dom0 the machine follows.
void shut_down(System& system, Domain& domain, std::uint32_t reason);

// Runs what is due on this processor.
void run_timers(System& system, unsigned cpu, std::uint64_t now);

// The vCPU this processor runs from now on (null: none), with its run state accounted. `release`:
// the registers of the one that ran last must be saved now, because it runs elsewhere next.
struct VcpuChoice {
    Vcpu* next{};
    bool release{};
};
VcpuChoice choose_vcpu(System& system, unsigned cpu, std::uint64_t now);

// When this processor must look again at the latest.
std::uint64_t next_deadline(const CpuState& cpu);

} // namespace zocalo::hv
