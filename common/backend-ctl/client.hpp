// SPDX-License-Identifier: Apache-2.0
// BackendClient: toolstackd's end of one backend process's control socket, for Asio coroutines.
// Calls may overlap; each has a deadline. It survives nothing by itself: when the connection ends,
// every call answers Code::unreachable, `on_closed` fires once, and the owner makes a new client
// (the backend goes on serving meanwhile). One thread: everything runs on the executor given.
#pragma once

#include "common/backend-ctl/messages.hpp"
#include "common/error/error.hpp"
#include "common/posix/unique_fd.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace zocalo::backend {

class BackendClient {
  public:
    struct Handlers {
        std::function<void(const Event&)> on_event;
        std::function<void(const Error&)> on_closed;
    };

    // Connects to a SOCK_SEQPACKET socket by path; never blocks (a backlog that is full is an
    // error).
    static Outcome<std::unique_ptr<BackendClient>>
    connect(boost::asio::any_io_executor executor, const std::string& path, Handlers handlers);
    // Takes over a connected SOCK_SEQPACKET socket (tests: one end of a socketpair).
    static std::unique_ptr<BackendClient>
    adopt(boost::asio::any_io_executor executor, UniqueFd socket, Handlers handlers);

    // Ends the connection; pending calls answer Code::unreachable. on_closed does not fire.
    ~BackendClient();
    BackendClient(const BackendClient&) = delete;
    BackendClient& operator=(const BackendClient&) = delete;

    using Timeout = std::chrono::milliseconds;
    template <class T> using Call = boost::asio::awaitable<Outcome<T>>;

    // The first call on every connection; refuses another protocol version.
    Call<HelloAnswer> hello(Timeout timeout);
    // The fds are sent along and closed here whatever the outcome.
    Call<Ready> add_disk(AddDisk disk, std::vector<UniqueFd> files, Timeout timeout);
    Call<Ready> add_nic(AddNic nic, std::vector<UniqueFd> taps, Timeout timeout);
    Call<Unit> connect_device(Connect request, Timeout timeout);
    Call<Unit> disconnect_device(DeviceId device, Timeout timeout);
    Call<Unit> remove_device(DeviceId device, Timeout timeout);
    Call<DeviceList> list(Timeout timeout);
    Call<Stats> stats(DeviceId device, Timeout timeout);
    Call<Unit> set_limits(SetLimits limits, Timeout timeout);
    Call<Unit> measure_disk(DeviceId device, Timeout timeout);
    Call<Unit> settle(std::uint32_t processor, Timeout timeout);
    Call<Unit> change_medium(DeviceId device, std::vector<UniqueFd> image, Timeout timeout);
    Call<Unit> set_headroom(SetHeadroom headroom, Timeout timeout);
    Call<Unit> shutdown(Timeout timeout);

    struct State; // in client.cpp: keeps Asio's headers out of here

  private:
    explicit BackendClient(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
};

} // namespace zocalo::backend
