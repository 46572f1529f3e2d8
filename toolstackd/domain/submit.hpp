// SPDX-License-Identifier: Apache-2.0
// Submit: where a change enters: its arguments are checked, then one transaction makes it durable.
// A new domain is recorded by that same transaction, with everything it must hold.
#pragma once

#include "toolstackd/domain/context.hpp"
#include "toolstackd/domain/toolstack.hpp"

namespace zocalo::toolstack {

struct Accepted {
    OpRow op;
    bool fresh{}; // accepted by this very call, not by an earlier one with the same key
};

Answer<Accepted> submit(Context& ctx, Request request);

// What a create would do; changes nothing.
Answer<CheckResult> check_create(Context& ctx, rpc::DomainConfig config);

} // namespace zocalo::toolstack
