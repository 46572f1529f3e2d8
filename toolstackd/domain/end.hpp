// SPDX-License-Identifier: Apache-2.0
// End: the steps that take an instance down, whatever ended it, in the order that makes a second
// pass after a kill harmless: Xen first, then what served it, then its nodes, then our rows.
#pragma once

#include "toolstackd/domain/context.hpp"
#include "toolstackd/domain/observe.hpp"

namespace zocalo::toolstack {

// `word` as in Step: "destroy" for an accepted destroy operation, else how it ended by itself.
Answer<Unit> record_end(Context& ctx, Record& record, const std::string& word);
Answer<Unit> tear_down(Context& ctx, Record& record, const Observation& seen);
// Forgets a transient domain: `record` may be gone when this returns.
Answer<Unit> finish_end(Context& ctx, Record& record);

// Pieces that the recovery of an interrupted start shares.
Answer<Unit> destroy_in_xen(Context& ctx, DomId domid);
Answer<Unit> release_objects(Context& ctx, Record& record);
Answer<Unit> remove_nodes(Context& ctx, const Record& record);

} // namespace zocalo::toolstack
