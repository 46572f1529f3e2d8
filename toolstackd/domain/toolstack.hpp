// SPDX-License-Identifier: Apache-2.0
// Toolstack: what the rest of the daemon (API, metrics, start-up) may ask of the domain layer. It
// hides the database, the reconciler and the world; the API's handlers translate HTTP to these
// calls and nothing more.
#pragma once

#include "common/rpc/uuid.hpp"
#include "common/rpc/views.hpp"
#include "toolstackd/sys/answer.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace zocalo::toolstack {

// One change, as docs/api.md's routes describe it: the verb is the route's last word ("create",
// "apply", "undefine", "start", "shutdown", "reboot", "destroy", "pause", "unpause", "rename",
// "memory", "vcpus", "affinity", "scheduler", "block-attach", "block-detach", "block-limit",
// "block-measure", "block-medium", "network-attach", "network-detach", "autostart", "adopt",
// "repair"), `args` its body (for detach: {"device": "xvdb", "force": false}).
struct Request {
    std::string verb;
    std::string ref; // empty for create and repair
    boost::json::object args;
    std::string idempotency_key;
    std::uint32_t uid{};
};

struct EventPage {
    std::vector<rpc::EventView> events;
    std::uint64_t next{}; // give this as `since` next time
    bool resync{};        // `since` is older than what is kept
};

struct CheckResult {
    rpc::DomainConfig config;
    std::vector<std::string> steps;
};

class Toolstack {
  public:
    virtual ~Toolstack() = default;

    virtual Answer<std::vector<rpc::DomainView>> domains() = 0;
    virtual Answer<rpc::DomainDetail> domain(std::string ref) = 0;
    // What the backends of a domain of ours counted; empty when it does not run.
    virtual Answer<std::vector<rpc::DeviceStats>> device_stats(std::string ref) = 0;
    // Name, domid, uuid or unique uuid prefix → the uuid: not_found or conflict.
    virtual Answer<rpc::Uuid> resolve(std::string ref) = 0;

    // Durable when answered. Arguments are checked before: Code::usage changes nothing.
    virtual Answer<rpc::OpView> submit(Request request) = 0;
    virtual Answer<rpc::OpView> op(std::uint64_t id) = 0;
    // Until the operation ended or `limit` passed, whichever is first.
    virtual Answer<rpc::OpView> wait_op(std::uint64_t id, std::chrono::milliseconds limit) = 0;
    virtual Answer<std::vector<rpc::OpView>> ops(bool active_only) = 0;
    virtual Answer<rpc::OpView> cancel(std::uint64_t id) = 0;
    virtual Answer<CheckResult> check(rpc::DomainConfig config) = 0;

    // Waits up to `limit` when there is nothing newer than `since` yet.
    virtual Answer<EventPage>
    events(std::uint64_t since, std::size_t max, std::chrono::milliseconds limit) = 0;

    virtual Answer<rpc::HostView> host() = 0;
    virtual Answer<std::string> dmesg(bool clear) = 0;
    virtual Answer<std::vector<rpc::FindingView>> doctor() = 0;
};

} // namespace zocalo::toolstack
