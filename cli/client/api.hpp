// SPDX-License-Identifier: Apache-2.0
// The control API (docs/api.md) as typed calls. Used by the commands; holds no logic but that of
// the protocol: percent-encoding, idempotency keys, retries, waiting for operations.
#pragma once

#include "cli/client/http.hpp"
#include "common/rpc/views.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace zocalo::cli {

// Letters, digits and -_.~ as they are, everything else as %XX.
std::string percent_encoded(std::string_view text);

struct EventPage {
    std::vector<rpc::EventView> events;
    std::uint64_t next{}; // give this as `since` next time
    bool resync{};        // events after `since` are not kept: list what they were about
};
BOOST_DESCRIBE_STRUCT(EventPage, (), (events, next))

// What POST /v1/domains/check answers.
struct CheckedConfig {
    rpc::DomainConfig config;
    std::vector<std::string> steps;
};
BOOST_DESCRIBE_STRUCT(CheckedConfig, (), (config, steps))

struct Change {
    std::string method{"POST"};
    std::string path;
    boost::json::object body;
};

struct Waiting {
    bool wait{true};
    std::chrono::seconds limit{120};
    std::function<void(const rpc::OpView&)> progress; // may be empty
};

class Api {
  public:
    explicit Api(
        std::string socket_path, std::chrono::milliseconds limit = std::chrono::seconds{30}
    )
        : socket_path_{std::move(socket_path)}, limit_{limit}
    {
    }

    const std::string& socket_path() const { return socket_path_; }
    std::chrono::milliseconds limit() const { return limit_; }

    Outcome<std::vector<rpc::DomainView>> domains();
    Outcome<rpc::DomainDetail> domain(const std::string& ref);
    Outcome<std::vector<rpc::DeviceStats>> device_stats(const std::string& ref);
    Outcome<rpc::HostView> host();
    Outcome<std::string> dmesg(bool clear);
    Outcome<std::string> console_log(const std::string& ref, std::uint64_t bytes);
    Outcome<CheckedConfig> check(const rpc::DomainConfig& config);
    Outcome<std::vector<rpc::OpView>> ops(bool active);
    Outcome<rpc::OpView> op(std::uint64_t id);
    // Until it has ended, as `change` does.
    Outcome<rpc::OpView> wait_op(std::uint64_t id, std::chrono::seconds limit);
    // A `since` that lies ahead of every event is a way to learn where they stand: resync and next.
    Outcome<EventPage>
    events(std::uint64_t since, std::uint32_t limit, std::chrono::seconds wait = {});
    Outcome<std::vector<rpc::FindingView>> doctor();

    // Sends a change and, if wanted, waits until its operation ended; a failed or cancelled
    // operation is an error that names it. Code::timeout when it still runs after the limit.
    Outcome<rpc::OpView> change(const Change& change, const Waiting& waiting);

  private:
    // The daemon's answer, whatever its status; `fetch` takes one of 400 and above for an error.
    Outcome<HttpReply> reach(const HttpRequest& request, std::chrono::milliseconds limit);
    Outcome<std::string> fetch(
        const std::string& method,
        const std::string& target,
        const std::string& body,
        const std::string& key,
        std::chrono::milliseconds limit
    );
    Outcome<std::string> get(const std::string& target)
    {
        return fetch("GET", target, {}, {}, limit_);
    }
    Outcome<rpc::OpView> await(rpc::OpView op, const Waiting& waiting);

    std::string socket_path_;
    std::chrono::milliseconds limit_;
};

// "/v1/domains/REF" and what follows it.
std::string domain_path(const std::string& ref, std::string_view rest = {});

// A DomainConfig as the API wants it in bodies.
boost::json::object config_body(const rpc::DomainConfig& config);

} // namespace zocalo::cli
