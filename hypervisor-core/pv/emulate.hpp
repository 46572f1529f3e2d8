// SPDX-License-Identifier: Apache-2.0
// Instructions that a guest's kernel may use but the processor refuses in ring 3. Each answers true
// when the instruction was carried out and the registers moved behind it, false when the fault is
// the guest's to handle. Under the system lock, but for the CPUID.
#pragma once

#include "hypervisor-core/domain/system.hpp"

namespace zocalo::hv::pv {

// A write of the kernel to one of its page tables, at guest address `address`.
bool emulate_table_write(System& system, Vcpu& vcpu, TrapFrame& frame, std::uint64_t address);

// Port access, CPUID, MSRs, control registers, CLI and the like.
bool emulate_privileged(System& system, Vcpu& vcpu, TrapFrame& frame);

// CPUID behind XEN_EMULATE_PREFIX, which starts with an invalid opcode.
bool emulate_forced_cpuid(const System& system, Vcpu& vcpu, TrapFrame& frame);

// The bytes at the guest's instruction pointer, as many as can be read.
std::span<const std::uint8_t> fetch(const TrapFrame& frame, std::array<std::uint8_t, 16>& buffer);

// Register `number` as instructions number them.
std::uint64_t& register_of(TrapFrame& frame, unsigned number);

} // namespace zocalo::hv::pv
