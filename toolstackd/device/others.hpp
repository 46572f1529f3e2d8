// SPDX-License-Identifier: Apache-2.0
// Others: the disks and network interfaces of a domain as xenstore has them, whoever made them: of
// domains of other toolstacks, and of those we adopted. Only looks.
#pragma once

#include "common/rpc/views.hpp"
#include "toolstackd/xenstore/store.hpp"

namespace zocalo::toolstack {

// At most 256 of each are told; a guest can make as many nodes as its quota allows.
Answer<std::vector<rpc::DiskView>> disks_in_store(Store& store, DomId domid);
Answer<std::vector<rpc::NicView>> nics_in_store(Store& store, DomId domid);

} // namespace zocalo::toolstack
