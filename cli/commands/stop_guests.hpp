// SPDX-License-Identifier: Apache-2.0
// shutdown and reboot: what both are.
#pragma once

#include "cli/command.hpp"

namespace zocalo::cli {

inline constexpr Option kStopOptions[] = {
    {'a', "all", "", "All guests; domain 0 is no guest"},
    {'w', "wait", "", "Wait until the guest has done it"},
    {'F', "acpi-fallback", "", "Accepted for xl; only HVM guests know the ACPI event"},
    {0, "timeout", "SECONDS", "How long the guest may take; default 60"},
};

// One domain, or with -a all guests; waits only with -w, as xl does. --timeout is how long a guest
// may take: the daemon's operation ends then, and says what the guest has not done.
Outcome<Unit> stop_guests(const Args& args, Session& session, std::string_view verb);

} // namespace zocalo::cli
