// SPDX-License-Identifier: Apache-2.0
// Reservation: what a domain must hold before anything of it is made: its disks, its MAC addresses
// and memory. Everything here is called with Context::reserving held, so that two starts cannot be
// promised the same thing.
#pragma once

#include "toolstackd/domain/context.hpp"

namespace zocalo::toolstack {

// What building the domain takes from Xen's heap, in KiB: its RAM, and what Xen keeps for it.
std::uint64_t memory_need_kib(const rpc::DomainConfig& config);

// Code::conflict when what is promised already leaves less than `need_kib` free.
Answer<Unit> check_memory(Context& ctx, std::uint64_t need_kib);

// Rows for these disks. Code::conflict when one is writable here or elsewhere and in use; a disk
// that everybody only reads may be shared. `renew`: the domain's present rows are about to go.
Outcome<std::vector<ResourceRow>> disk_rows(
    const Context& ctx,
    const rpc::Uuid& uuid,
    const std::vector<rpc::DiskConfig>& disks,
    bool renew = false
);

// Chooses what is missing (00:16:3e, then random) and answers the rows. Code::conflict: taken.
Outcome<std::vector<ResourceRow>>
mac_rows(const Context& ctx, const rpc::Uuid& uuid, std::vector<rpc::NicConfig>& nics);

// Checks everything a start needs and adds to `batch`: the instance in phase `starting`, its
// devices and disks. Remembers the memory promise.
Answer<Unit>
promise_start(Context& ctx, Batch& batch, const DomainRow& domain, InstanceRow instance);

} // namespace zocalo::toolstack
