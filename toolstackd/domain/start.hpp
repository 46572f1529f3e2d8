// SPDX-License-Identifier: Apache-2.0
// Start: the steps that bring an instance to life, each of which may be the last one before a kill.
// The order is that of docs/decisions/010-build-order.md. Called by the domain's actor only.
#pragma once

#include "toolstackd/domain/context.hpp"
#include "toolstackd/domain/observe.hpp"

namespace zocalo::toolstack {

Answer<Unit> begin_start(Context& ctx, Record& record, std::uint64_t op);
// Throws away what an interrupted build left; phase `starting` when nothing is left.
Answer<Unit> discard(Context& ctx, Record& record, const Observation& seen);
// A failure is kept in Record::failure and the instance goes to `ending`.
Answer<Unit> build(Context& ctx, Record& record);
Answer<Unit> unpause(Context& ctx, Record& record);
Answer<Unit> confirm(Context& ctx, Record& record);
Answer<Unit> follow(Context& ctx, Record& record);

} // namespace zocalo::toolstack
