// SPDX-License-Identifier: Apache-2.0
// Commit: what Store::commit sends inside one transaction and how it judges the answers. Pure: the
// client carries it out, however often xenstored says EAGAIN.
#pragma once

#include "toolstackd/xenstore/request.hpp"

#include <chrono>
#include <random>
#include <span>
#include <vector>

namespace zocalo::toolstack {

class Commit {
  public:
    // Code::usage when a change can never be accepted.
    static Outcome<Commit>
    plan(const std::vector<StoreChange>& changes, const std::vector<StoreGuard>& guards);

    // Guards first, in order; all may be sent without waiting for answers.
    const std::vector<XsRequest>& requests() const { return requests_; }
    // What depends on nothing needs none: xenstored copies each node that a transaction touches.
    bool needs_transaction() const { return !guards_.empty(); }
    bool empty() const { return requests_.empty(); }

    // Whether the transaction should be committed; else the reason to drop it: Code::conflict for a
    // guard that does not hold. `replies` answer requests() one by one.
    Outcome<Unit> judge(std::span<const XsReply> replies) const;

  private:
    std::vector<StoreGuard> guards_;
    std::vector<XsRequest> requests_;
    std::vector<std::string> paths_; // of each request after the guards
};

// How long to wait before attempt number `attempt` (2, 3, …) of a transaction that met a conflict:
// nothing, then random and growing, at most 64 ms, so that two writers do not meet again and again.
std::chrono::milliseconds conflict_pause(unsigned attempt, std::minstd_rand& random);

} // namespace zocalo::toolstack
