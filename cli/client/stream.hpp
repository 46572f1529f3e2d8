// SPDX-License-Identifier: Apache-2.0
// A WebSocket to the daemon that lasts: the console and the events. The handler decides what frames
// and typed characters mean; this moves them and knows neither terminals nor JSON.
#pragma once

#include "common/error/error.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace zocalo::cli {

class StreamHandler {
  public:
    virtual ~StreamHandler() = default;
    // A frame arrived. False: enough, close.
    virtual bool frame(std::string_view bytes, bool binary) = 0;
    // Bytes were read from the input: fills what goes to the daemon. False: enough, close.
    virtual bool input(std::string_view bytes, std::string& to_send) = 0;
};

// Talks until the handler, the daemon, SIGINT, SIGTERM or SIGHUP ends it. `input` is a file
// descriptor to read (-1: none; its end only stops the reading). `limit` bounds connecting and the
// handshake. An answer other than an upgrade becomes the error it holds.
Outcome<Unit> run_stream(
    const std::string& socket_path,
    const std::string& target,
    int input,
    StreamHandler& handler,
    std::chrono::milliseconds limit
);

} // namespace zocalo::cli
