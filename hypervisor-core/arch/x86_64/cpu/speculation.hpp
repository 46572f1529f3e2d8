// SPDX-License-Identifier: Apache-2.0
// Defences against leaks through speculation, chosen by what the processor has and needs, and by
// the option spec-ctrl. Sources: Intel, "Speculative Execution Side Channel Mitigations"; AMD,
// "Software techniques for managing speculation on AMD processors".
#pragma once

#include "hypervisor-core/boot/options.hpp"

namespace zocalo::hv {

// On the first processor, while the image's text can still be written: decides and tells.
void choose_defences(const Options& options);

// On each processor, before it runs a guest.
void start_defences();

// Between vCPUs of two domains: what one taught the predictor is forgotten.
void forget_branches();

} // namespace zocalo::hv
