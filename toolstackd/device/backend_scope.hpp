// SPDX-License-Identifier: Apache-2.0
// BackendScope: one systemd scope that holds the processes of all backends, each in a control group
// of its own, so that they are seen, accounted and bounded as what they are and not as the daemon.
// Used by the launcher. Nobody waits for it: the daemon's unit ends only the daemon itself
// (KillMode=process), and a backend is as safe before its move as after it. Why one and not one for
// each: docs/decisions/022.
#pragma once

#include "common/error/error.hpp"

#include <boost/asio/thread_pool.hpp>

#include <memory>
#include <string>
#include <sys/types.h>

struct sd_bus;

namespace zocalo::toolstack {

class BackendScope {
  public:
    BackendScope();
    // Waits for what was asked for.
    ~BackendScope();
    BackendScope(const BackendScope&) = delete;
    BackendScope& operator=(const BackendScope&) = delete;

    // Each is done soon, in this order. A failure is logged; without systemd nothing happens.
    void move(std::string group, pid_t pid);
    void remove(std::string group);
    void remove_empty();

    // Whether the process has arrived in its group.
    static bool holds(const std::string& group, pid_t pid);

  private:
    struct CloseBus {
        void operator()(sd_bus* bus) const;
    };

    // On the thread only.
    Outcome<sd_bus*> bus();
    Outcome<Unit> start_with(pid_t pid);
    Outcome<Unit> try_move(const std::string& group, pid_t pid);

    std::unique_ptr<sd_bus, CloseBus> bus_; // of the one thread; empty until it is needed
    boost::asio::thread_pool thread_{1};
};

} // namespace zocalo::toolstack
