// SPDX-License-Identifier: Apache-2.0
// Resize: memory, vCPUs, affinity and scheduling of a domain, running or not. The configuration is
// kept true to what was asked, so that the next start gives the same.
#pragma once

#include "toolstackd/domain/context.hpp"

namespace zocalo::toolstack {

Answer<bool> set_memory(Context& ctx, Record& record, OpRow& op, Batch& batch);
Answer<bool> set_vcpus(Context& ctx, Record& record, OpRow& op, Batch& batch);
Answer<bool> set_affinity(Context& ctx, Record& record, OpRow& op, Batch& batch);
Answer<bool> set_scheduler(Context& ctx, Record& record, OpRow& op, Batch& batch);

// Brings a running domain to the sizes of `config` where they differ from the present ones.
Answer<Unit> resize_live(Context& ctx, Record& record, const rpc::DomainConfig& config);

// Whether `config`, or a device that is plugged in now, uses the address.
bool mac_in_use(const Record& record, const rpc::DomainConfig& config, const std::string& mac);

} // namespace zocalo::toolstack
