// SPDX-License-Identifier: Apache-2.0
// ?wait=SECONDS: how handlers wait for the domain layer on a client's behalf. Waits go in slices,
// so that a client that has gone, or the daemon's end, stops one soon, and nothing of the domain
// layer has to be cancelled half-way.
#pragma once

#include "toolstackd/rpc/route.hpp"

namespace zocalo::toolstack::handlers {

using Seconds = std::chrono::seconds;

inline constexpr std::uint64_t kLongestWait = 600; // seconds
inline constexpr std::chrono::milliseconds kWaitSlice{1000};

// The parameter, if there is one: Code::usage beyond kLongestWait.
Outcome<std::optional<Seconds>> wait_of(const Call& call);
bool ended(const rpc::OpView& op);
// The operation as it is when it has ended, the time is over or the client has gone.
Answer<rpc::OpView> wait_until_ended(
    Toolstack& toolstack, rpc::OpView op, Seconds limit, std::function<bool()> client_gone
);

} // namespace zocalo::toolstack::handlers
