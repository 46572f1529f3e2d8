// SPDX-License-Identifier: Apache-2.0
// Dump: the core file of a guest that has ended, for on_crash="coredump-destroy" and its sisters.
// Where it goes and how much room it may take is the hypervisor's side to know (sys/core_folder).
#pragma once

#include "toolstackd/domain/context.hpp"
#include "toolstackd/domain/observe.hpp"

namespace zocalo::toolstack {

// Ends in `ending`, with the event "domain.dumped" or "domain.dump_failed": a dump that cannot be
// made does not keep the domain from ending. Killed in the middle, it is written again, whole.
Answer<Unit> dump(Context& ctx, Record& record, const Observation& seen);

// "web-3-20261127T020405Z.core": the third start of web, ended then. The same however often asked.
std::string core_name(const Record& record);

// "20261127T020405Z".
std::string utc_stamp(std::int64_t unix_ms);

} // namespace zocalo::toolstack
