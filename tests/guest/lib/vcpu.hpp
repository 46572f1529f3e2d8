// SPDX-License-Identifier: Apache-2.0
// The guest's vCPUs: each has a stack by whose address it knows its number.
#pragma once

#include <cstdint>

namespace zocalo::guest {

inline constexpr unsigned kMaxVcpus = 2;

unsigned this_vcpu();

// Starts vCPU 1 (the domain needs two) with `function`, which must not return. The hypercalls'
// answer.
std::int64_t start_vcpu(void (*function)());
// Calls VCPUOP_down for oneself, for ever.
[[noreturn]] void stop_this_vcpu();

// Gives the other vCPU time.
void yield();

} // namespace zocalo::guest
