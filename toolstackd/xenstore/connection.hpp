// SPDX-License-Identifier: Apache-2.0
// XsConnection: one connection to xenstored: sends requests without waiting for the answers of
// earlier ones, matches answers by request id, hands watch events on. It never reconnects; the
// owner makes a new one. One thread: everything runs on the executor given.
#pragma once

#include "common/posix/unique_fd.hpp"
#include "toolstackd/sys/answer.hpp"
#include "toolstackd/xenstore/request.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace zocalo::toolstack {

// An open way to xenstored. The socket takes any number of requests; the kernel's /dev/xen/xenbus
// one at a time: it keeps the last message where it was read to, and the next one overwrites it
// (Linux, xenbus_dev_frontend.c). It answers watches itself, with request id 0.
struct XsEndpoint {
    UniqueFd fd;
    bool kernel_device{};
};

// Finds xenstored: its socket if it is there, else the kernel's device. Once it was met at its
// socket it is looked for there only: while it starts anew the socket is missing for a moment.
class XenstoredFinder {
  public:
    explicit XenstoredFinder(
        std::string socket = "/run/xenstored/socket", std::string device = "/dev/xen/xenbus"
    )
        : socket_(std::move(socket)), device_(std::move(device))
    {
    }
    // Code::unreachable, with the reason.
    Outcome<XsEndpoint> operator()();

  private:
    std::string socket_, device_;
    bool socket_was_there_{};
};

class XsConnection {
  public:
    struct Handlers {
        std::function<void(std::string_view path, std::string_view token)> on_watch;
        std::function<void(const Error&)> on_closed; // once, unless close() came first
    };

    static std::shared_ptr<XsConnection>
    adopt(boost::asio::any_io_executor executor, XsEndpoint endpoint, Handlers handlers);
    virtual ~XsConnection() = default;

    // Sends all of them at once; the answers come in the order of the requests. Code::unreachable
    // when the connection ends first, Code::timeout after `limit` (late answers are dropped).
    virtual Answer<std::vector<XsReply>> exchange(
        std::uint32_t transaction, std::vector<XsRequest> requests, std::chrono::milliseconds limit
    ) = 0;
    // Sends and forgets the answer.
    virtual void send(std::uint32_t transaction, XsRequest request) = 0;
    virtual void close() = 0;
    virtual bool open() const = 0;
    virtual std::uint64_t sent() const = 0;
};

} // namespace zocalo::toolstack
