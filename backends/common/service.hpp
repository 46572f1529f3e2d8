// SPDX-License-Identifier: Apache-2.0
// Service: what a kind of backend (blk, net) implements to be driven by toolstackd. ControlServer
// calls it, one request after the other, on the process's only thread.
#pragma once

#include "common/backend-ctl/messages.hpp"
#include "common/posix/unique_fd.hpp"

#include <functional>
#include <vector>

namespace zocalo::backend {

// Called exactly once, at any later time; with the connection gone the answer is dropped.
using Reply = std::function<void(Answer)>;

class Service {
  public:
    virtual ~Service() = default;
    // Every request but Hello. Shutdown's reply must come when nothing is mapped any more: the
    // process ends after it.
    virtual void handle(Request request, std::vector<UniqueFd> fds, Reply reply) = 0;
};

} // namespace zocalo::backend
