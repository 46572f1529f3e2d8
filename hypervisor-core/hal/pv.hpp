// SPDX-License-Identifier: Apache-2.0
// The registers behind a running paravirtual vCPU that are not in its TrapFrame. All of these act
// on this processor and its current vCPU. Implemented in arch/.
#pragma once

#include <cstdint>

namespace zocalo::hv {

struct Vcpu;

namespace hal {

// Between the guest's kernel and its user space: address space and GS base. The caller has changed
// vcpu.pv.in_kernel and knows that the new address space exists.
void switch_mode(const Vcpu& vcpu);
// Loads the address space that vcpu.pv names for its mode.
void load_address_space(const Vcpu& vcpu);

std::uint64_t fs_base();
void set_fs_base(std::uint64_t base);
void set_gs_base(std::uint64_t base);       // of the mode that runs
void set_other_gs_base(std::uint64_t base); // of the other mode
std::uint64_t gs_base();
std::uint64_t other_gs_base();
// Loads GS of user space while the guest's kernel runs; false for a bad selector, which loads null.
bool load_other_gs(std::uint16_t selector);

// Makes the processor use vcpu.pv's descriptor tables.
void load_gdt(const Vcpu& vcpu);
void load_ldt(const Vcpu& vcpu);

// DR0 to DR3, DR6 and DR7, as far as any breakpoint is enabled.
void load_debug_registers(const Vcpu& vcpu);
// DR6, which has its first value afterwards.
std::uint64_t take_debug_status();

// The features of XCR0 that this machine has and we offer (pv/extended_state.hpp); 0: no XSAVE.
std::uint64_t extended_features();
// XCR0 of the current vCPU.
void set_extended_features(std::uint64_t xcr0);

// CR0.TS: whether the next FPU instruction traps.
void set_task_switched(bool set);

} // namespace hal
} // namespace zocalo::hv
