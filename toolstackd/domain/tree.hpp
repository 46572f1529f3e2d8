// SPDX-License-Identifier: Apache-2.0
// Tree: the xenstore nodes of a PV or PVH domain, laid out as stock xl and guests expect them
// (docs/misc/xenstore-paths.pandoc of Xen). Pure: values in, changes out. Devices add their own.
#pragma once

#include "toolstackd/domain/record.hpp"
#include "toolstackd/xenstore/store.hpp"

namespace zocalo::toolstack {

// The console type that makes xenconsoled leave the ring alone; toolstackd serves it.
inline constexpr const char* kConsoleType = "zocalo";

std::string domain_path(DomId domid); // /local/domain/N
std::string vm_path(const rpc::Uuid& uuid);
std::string frontend_path(DomId domid, const DeviceRef& device);

std::vector<StoreChange> domain_tree(
    const rpc::Uuid& uuid,
    DomId domid,
    const rpc::DomainConfig& config,
    const Wiring& wiring,
    std::int64_t now_ms
);

// That /local/domain/N still belongs to this domain: for every later write and removal.
StoreGuard owner_guard(const rpc::Uuid& uuid, DomId domid);

// What makes the domain disappear from xenstore, devices excepted.
std::vector<StoreChange> tree_removal(const rpc::Uuid& uuid, DomId domid);

// An ended domain that is kept as `name` with the handle `kept`: its successor gets the old uuid's
// nodes, and nobody its console.
std::vector<StoreChange>
kept_nodes(const rpc::Uuid& uuid, const rpc::Uuid& kept, DomId domid, const std::string& name);

std::vector<StoreChange> rename_nodes(const rpc::Uuid& uuid, DomId domid, const std::string& name);
std::vector<StoreChange> vcpu_nodes(DomId domid, std::uint32_t online, std::uint32_t max);

} // namespace zocalo::toolstack
