// SPDX-License-Identifier: Apache-2.0
// Where text goes, and the end of everything. Implemented in arch/.
#pragma once

#include "hypervisor-core/console/ring.hpp"

#include <string_view>

namespace zocalo::hv::hal {

// Also remembered in the ring.
void write_console(std::string_view text);
ConsoleRing& console_ring();

// Prints what is wrong and stops the machine.
[[noreturn]] void panic(std::string_view why);
// Fails as by a mistake of ours: with a report of where that was.
[[noreturn]] void crash();

} // namespace zocalo::hv::hal
