// SPDX-License-Identifier: Apache-2.0
// The whole state of a paravirtual vCPU at once: VCPUOP_initialise, XEN_DOMCTL_setvcpucontext,
// dom0's first vCPU. Under the system lock.
#pragma once

#include "hypervisor-core/domain/system.hpp"

namespace zocalo::hv {

// Checks `context` and makes it the state of `vcpu`, which must not have any yet; selectors and
// flags become such that the guest runs in ring 3.
Result<Unit> set_pv_context(System& system, Vcpu& vcpu, const vcpu_guest_context& context);

// The same for a vCPU that has a state and does not run: new registers, traps and callbacks. inval
// when the tables it names are not those it uses.
Result<Unit> replace_pv_context(Vcpu& vcpu, const vcpu_guest_context& context);

// A guest's selector of code or stack: ring 3 whatever it says.
constexpr std::uint16_t ring3(std::uint64_t selector)
{
    return static_cast<std::uint16_t>(selector | 3);
}

// The part of set_gdt that takes references; the old ones are the caller's to put.
Result<Unit> take_gdt(
    System& system,
    Domain& domain,
    std::span<const std::uint64_t> frames,
    std::array<Mfn, kGuestGdtFrames>& out
);
void put_gdt(System& system, const std::array<Mfn, kGuestGdtFrames>& frames);

} // namespace zocalo::hv
