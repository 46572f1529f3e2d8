// SPDX-License-Identifier: Apache-2.0
// From the configuration the API speaks to the specification the domain builder takes. Pure.
#pragma once

#include "common/rpc/domain_config.hpp"
#include "common/rpc/uuid.hpp"
#include "toolstackd/build/builder.hpp"

namespace zocalo::toolstack {

// Code::unsupported for HVM and for what the builder cannot do; `config` is resolved.
Outcome<GuestSpec> spec_of(const rpc::Uuid& uuid, const rpc::DomainConfig& config);

} // namespace zocalo::toolstack
