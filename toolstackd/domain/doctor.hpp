// SPDX-License-Identifier: Apache-2.0
// Doctor: compares what the book says with what is there, and names what does not fit. Only what
// carries our mark and belongs to no record is ever repaired.
#pragma once

#include "toolstackd/domain/context.hpp"

namespace zocalo::toolstack {

Answer<std::vector<rpc::FindingView>> examine(Context& ctx);
// Frees the leaks that `examine` calls ours.
Answer<Unit> repair(Context& ctx);

} // namespace zocalo::toolstack
