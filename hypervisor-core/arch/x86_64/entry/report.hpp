// SPDX-License-Identifier: Apache-2.0
// What is printed when a guest or the hypervisor itself has met its end.
#pragma once

#include "hypervisor-core/domain/vcpu.hpp"

#include <string_view>

namespace zocalo::hv {

void report_guest(const Vcpu& vcpu, const TrapFrame& frame, std::string_view why);

// Registers and calls, with the functions' names; then the machine stops.
[[noreturn]] void report_own(const TrapFrame& frame);

} // namespace zocalo::hv
