// SPDX-License-Identifier: Apache-2.0
// Ways into a paravirtual guest's kernel: the hypervisor changes the registers so that the guest
// continues in a handler of its own, with a frame on its kernel stack that its iret hypercall
// takes. Touches the running vCPU only: needs no lock.
#pragma once

#include "hypervisor-core/domain/vcpu.hpp"
#include "hypervisor-core/pv/flags.hpp"

#include <optional>

namespace zocalo::hv::pv {

// Continues in the guest's kernel at `to`. False when its stack cannot hold the frame: the guest
// has lost its mind and must end.
[[nodiscard]] bool
enter_kernel(Vcpu& vcpu, TrapFrame& frame, const Callback& to, std::optional<std::uint32_t> error);

// A system call of the guest's user space.
[[nodiscard]] bool guest_syscall(Vcpu& vcpu, TrapFrame& frame);

// The exception `vector` in the guest, as its trap table says; false also when that has no handler.
[[nodiscard]] bool inject(Vcpu& vcpu, TrapFrame& frame, unsigned vector, std::uint32_t error);
[[nodiscard]] bool
inject_page_fault(Vcpu& vcpu, TrapFrame& frame, std::uint64_t address, std::uint32_t error);

// The event upcall, when one is pending and not masked.
[[nodiscard]] bool deliver_events(Vcpu& vcpu, TrapFrame& frame);

} // namespace zocalo::hv::pv
