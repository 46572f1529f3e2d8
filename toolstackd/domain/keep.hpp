// SPDX-License-Identifier: Apache-2.0
// Keep: on_crash="rename-restart". The ended domain stays in Xen for whoever wants to look at it,
// under a new uuid and name; its disks, addresses and console go to the next instance.
#pragma once

#include "toolstackd/domain/context.hpp"

namespace zocalo::toolstack {

// Afterwards the record is an ending one without a domain, on its way to a restart, and the domain
// has a transient record of its own in phase `preserved`.
Answer<Unit> keep(Context& ctx, Record& record);

// Made from the record, not drawn: after a kill the same one comes out.
rpc::Uuid kept_uuid(const Record& record);
std::string kept_name(const Record& record);

} // namespace zocalo::toolstack
