// SPDX-License-Identifier: Apache-2.0
// Handlers for what is done to a disk that stays attached.
#pragma once

#include "toolstackd/domain/context.hpp"

namespace zocalo::toolstack {

// The limits hold from now on, and for later starts.
Answer<bool> set_disk_limits(Context& ctx, Record& record, OpRow& op, Batch& batch);
// Another medium in a CD drive, or none; for later starts, too.
Answer<bool> change_medium(Context& ctx, Record& record, OpRow& op, Batch& batch);
// The image may have grown; a running guest is told.
Answer<bool> measure_disk(Context& ctx, Record& record, OpRow& op, Batch& batch);

} // namespace zocalo::toolstack
