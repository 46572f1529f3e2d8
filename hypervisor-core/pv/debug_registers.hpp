// SPDX-License-Identifier: Apache-2.0
// A paravirtual vCPU's debug registers: what it may put there, and what the processor is given of
// it. Source: Intel SDM volume 3, section 17.2. For the running vCPU, on its processor.
#pragma once

#include "common/base/result.hpp"
#include "hypervisor-core/domain/vcpu.hpp"

namespace zocalo::hv::pv {

// perm: an address or bits that would watch the hypervisor; nodev: no such register.
Result<Unit> write_debug_register(Vcpu& vcpu, std::uint64_t number, std::uint64_t value);
Result<std::uint64_t> read_debug_register(const Vcpu& vcpu, std::uint64_t number);

// A debug exception happened: moves what the processor tells of it to the vCPU's own DR6.
void take_debug_status(Vcpu& vcpu);

inline constexpr std::uint64_t kCr4DebugExtensions = 1 << 3;

} // namespace zocalo::hv::pv
