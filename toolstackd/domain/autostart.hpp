// SPDX-License-Identifier: Apache-2.0
// Autostart: which of the domains that wait since the host started may start now. Pure; the queue
// itself is the phase `queued` in the database, so that a kill in the middle forgets nobody.
#pragma once

#include "toolstackd/domain/record.hpp"

namespace zocalo::toolstack {

struct Turns {
    std::vector<rpc::Uuid> go;
    std::vector<std::pair<rpc::Uuid, std::string>> never; // and why
    std::int64_t wake_ms{};                               // when a delay ends; 0: none runs
};

// A domain's turn comes when everything with a lower order (then name) has started or failed, the
// delays of those have passed, and what it depends on runs.
Turns next_turns(const std::map<rpc::Uuid, Record>& records, std::int64_t now_ms);

} // namespace zocalo::toolstack
