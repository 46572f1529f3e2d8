// SPDX-License-Identifier: Apache-2.0
// Others' end: the devices that an adopted domain had from another toolstack. Their backends (the
// kernel's, or QEMU) hold pages of the guest until they are told to close, so Xen would keep the
// domain for ever.
#pragma once

#include "toolstackd/domain/context.hpp"

namespace zocalo::toolstack {

// The directories of these backends: /local/domain/0/backend/KIND/DOMID. None for a domain that we
// made.
Answer<std::vector<std::string>> others_backends(Context& ctx, const Record& record);

// Asks them to close, waits a limited time until they have, and frees the loop devices that xl's
// script made. What does not close is left to the removal of the nodes. Idempotent.
Answer<Unit> close_others(Context& ctx, const Record& record);

} // namespace zocalo::toolstack
