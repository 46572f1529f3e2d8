// SPDX-License-Identifier: Apache-2.0
// The dry run: what a configuration means, and the steps the daemon would take.
#pragma once

#include "cli/command.hpp"

namespace zocalo::cli {

// Asks the daemon for the steps; without a daemon, the configuration alone is shown, and it is
// said.
Outcome<Unit> show_plan(const Args& args, const Session& session, const rpc::DomainConfig& config);

} // namespace zocalo::cli
