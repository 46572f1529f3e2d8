// SPDX-License-Identifier: Apache-2.0
// One HTTP/1.1 exchange over the daemon's Unix socket, with a limit on time and size. Used by Api;
// knows nothing of what is asked. The daemon is trusted no more than any peer: answers that are
// late, cut off, oversized or no HTTP at all are errors that say so.
#pragma once

#include "common/error/error.hpp"

#include <chrono>
#include <string>

namespace zocalo::cli {

struct HttpRequest {
    std::string method{"GET"};
    std::string target; // path and query, percent-encoded
    std::string body;   // JSON, or empty
    std::string idempotency_key;
};

struct HttpReply {
    unsigned status{};
    std::string body;
};

// How far an exchange came decides whether it may be tried again.
enum class ExchangeStage { connecting, talking };

struct ExchangeError {
    ExchangeStage stage{};
    Error error;
};

// Code::unreachable when nobody listens or the connection broke, Code::denied without permission,
// Code::timeout after `limit`, Code::failed for answers that are not HTTP.
Result<HttpReply, ExchangeError> exchange(
    const std::string& socket_path, const HttpRequest& request, std::chrono::milliseconds limit
);

// What to tell a person about a failure to reach the daemon (errno of connect).
Error unreachable(const std::string& socket_path, int errno_value);

} // namespace zocalo::cli
