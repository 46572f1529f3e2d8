// SPDX-License-Identifier: Apache-2.0
// Scopes: puts processes into systemd scopes of their own, so that they are seen and accounted as
// what they are and not as the daemon. Used by the launcher. Nobody waits for it: the daemon's unit
// ends only the daemon itself (KillMode=process), and a backend is as safe before its move as after
// it.
#pragma once

#include "common/error/error.hpp"

#include <boost/asio/thread_pool.hpp>

#include <memory>
#include <string>
#include <sys/types.h>

struct sd_bus;

namespace zocalo::toolstack {

class Scopes {
  public:
    Scopes();
    // Waits for the moves that were asked for.
    ~Scopes();
    Scopes(const Scopes&) = delete;
    Scopes& operator=(const Scopes&) = delete;

    // Soon moves the process to the scope `unit`, which goes when its last process ends. A failure
    // is logged; without systemd nothing happens.
    void move(std::string unit, pid_t pid, std::string description);

  private:
    struct CloseBus {
        void operator()(sd_bus* bus) const;
    };

    // On the thread only.
    Outcome<sd_bus*> bus();
    Outcome<Unit> try_move(const std::string& unit, pid_t pid, const std::string& description);

    std::unique_ptr<sd_bus, CloseBus> bus_; // of the one thread; empty until it is needed
    boost::asio::thread_pool thread_{1};
};

// Whether the process is in the same control group as we are (cgroup v2).
bool in_our_group(pid_t pid);

} // namespace zocalo::toolstack
