// SPDX-License-Identifier: Apache-2.0
// Ways into a paravirtual guest's kernel: the hypervisor changes the registers so that the guest
// continues in a handler of its own, with a frame on its kernel stack that its iret hypercall
// takes. Touches the running vCPU only: needs no lock.
#pragma once

#include "hypervisor-core/domain/vcpu.hpp"
#include "hypervisor-core/pv/flags.hpp"

#include <atomic>
#include <optional>

namespace zocalo::hv::pv {

// Continues in the guest's kernel at `to`. False when its stack cannot hold the frame: the guest
// has lost its mind and must end.
[[nodiscard]] bool
enter_kernel(Vcpu& vcpu, TrapFrame& frame, const Callback& to, std::optional<std::uint32_t> error);

// Continues in the failsafe callback, which is shown the data selectors the vCPU had: one of them
// has gone bad while it did not run, and is null now.
[[nodiscard]] bool enter_failsafe(Vcpu& vcpu, TrapFrame& frame);

// A system call of the guest's user space.
[[nodiscard]] bool guest_syscall(Vcpu& vcpu, TrapFrame& frame);

// The same from 32-bit code; an invalid instruction to a kernel that has no callback for it.
[[nodiscard]] bool guest_syscall32(Vcpu& vcpu, TrapFrame& frame);

// The exception `vector` in the guest, as its trap table says; false also when that has no handler.
[[nodiscard]] bool inject(Vcpu& vcpu, TrapFrame& frame, unsigned vector, std::uint32_t error);
[[nodiscard]] bool
inject_page_fault(Vcpu& vcpu, TrapFrame& frame, std::uint64_t address, std::uint32_t error);

// The way back, which the kernel asks for by its iret hypercall: its frame lies on its stack. False
// when that cannot be read, or names a user space that is not there.
[[nodiscard]] bool return_from_kernel(Vcpu& vcpu, TrapFrame& frame);

// Whether deliver_events has something to do.
inline bool events_wait(const Vcpu& vcpu)
{
    const auto& pending = vcpu.info->evtchn_upcall_pending;
    return std::atomic_ref<const std::uint8_t>{pending}.load(std::memory_order_relaxed) != 0 &&
           vcpu.info->evtchn_upcall_mask == 0 && vcpu.pv.event.address != 0;
}

// The event upcall, when one is pending and not masked.
[[nodiscard]] bool deliver_events(Vcpu& vcpu, TrapFrame& frame);

} // namespace zocalo::hv::pv
