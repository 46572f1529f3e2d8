// SPDX-License-Identifier: Apache-2.0
// Model-specific registers as a paravirtual guest's kernel sees them.
#pragma once

#include "hypervisor-core/domain/system.hpp"

#include <optional>

namespace zocalo::hv::pv {

// Nothing: the guest gets #GP, which its safe accessors expect of registers that do not exist.
std::optional<std::uint64_t> read_guest_msr(const Vcpu& vcpu, std::uint32_t index);
bool write_guest_msr(Vcpu& vcpu, std::uint32_t index, std::uint64_t value);

} // namespace zocalo::hv::pv
