// SPDX-License-Identifier: Apache-2.0
// Ops: carries out the operations that change a definition or a running instance. One handler a
// verb; the actor calls them one at a time. A handler may be run again after a kill: what it does
// to the world it does idempotently, and its one commit ends it.
#pragma once

#include "toolstackd/domain/context.hpp"

namespace zocalo::toolstack {

// Progress for whoever waits on this domain's operation; not durable.
void show_step(Context& ctx, const Record& record, const std::string& text);

Answer<Unit> run_op(Context& ctx, Record& record, std::uint64_t id);
// Operation `id` is over: `failure` says how.
Answer<Unit>
settle_op(Context& ctx, Record& record, std::uint64_t id, const std::optional<Error>& failure);

// block-attach and its three sisters.
bool is_plug(const std::string& verb);

// A handler: true when the operation is finished, its rows are in `batch`; false when it is parked.
using Handled = Outcome<bool>;
Answer<bool> run_plug(Context& ctx, Record& record, OpRow& op, Batch& batch);
Answer<Unit>
settle_plug(Context& ctx, Record& record, const OpRow& op, const std::optional<Error>& failure);
Answer<bool> run_change(Context& ctx, Record& record, OpRow& op, Batch& batch);

} // namespace zocalo::toolstack
