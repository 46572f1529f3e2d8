// SPDX-License-Identifier: Apache-2.0
// What a processor must have for the hypervisor and its guests.
#pragma once

namespace zocalo::hv {

// Stops the machine with a line that names what is missing.
void require_features();

// Each processor: XSAVE for us and for guests, where there is one.
void start_extended_state();

} // namespace zocalo::hv
