// SPDX-License-Identifier: Apache-2.0
// What a Session tells its backend process about the frontend: connect, reconfigure, disconnect, at
// a pace that no guest sets.
#include "toolstackd/device/frontend.hpp"
#include "toolstackd/device/session.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace zocalo::toolstack {
namespace asio = boost::asio;
namespace {

using namespace std::chrono_literals;
using Happened = xen::BackendEventKind;

constexpr auto kDrainLimit = 60s;
// So many connections in so much time are a guest at work; more is toggling.
constexpr std::size_t kConnects = 16;
constexpr auto kConnectsIn = 10s;
// A guest writes its state first and what it changes next.
constexpr auto kBetweenWrites = 50ms;

} // namespace

Answer<Unit> Session::connect(bool resume)
{
    const std::string name = device_name(owner_.domid, config_);
    if (!resume)
        co_await calm_down();
    auto request = co_await read_frontend(store_, key_, owner_.domid, paths_.frontend);
    Outcome<Unit> done = Unit{};
    if (!request) {
        done = request.error();
    } else {
        request->resume = resume;
        headroom_ = request->headroom;
        done = co_await backend_->connect_device(std::move(*request));
    }
    // It died meanwhile: that is told apart, and the next process tries again.
    if (!done && done.error().code == Code::unreachable)
        co_return done;
    if (!done)
        failure_ = name + ": " + describe(done.error());
    else if (resume)
        notice_("device.resumed", name + ": its backend process was replaced (" + lost_ + ")");
    events_.push_front({done ? Happened::connected : Happened::connect_failed});
    co_return done;
}

Answer<Unit> Session::disconnect()
{
    auto done = co_await backend_->disconnect_device(key_.devid, kDrainLimit);
    // Unreachable: the process died, and nothing of the guest is mapped any more.
    if (done || done.error().code == Code::unreachable)
        events_.push_front({Happened::disconnected});
    co_return done;
}

Answer<Unit> Session::reconfigure()
{
    if (key_.kind != DeviceKind::nic)
        co_return Unit{}; // disks have nothing that may change
    co_await calm_down();
    auto bytes = co_await read_headroom(store_, paths_.frontend);
    if (bytes && *bytes == headroom_) {
        co_await pause(kBetweenWrites);
        bytes = co_await read_headroom(store_, paths_.frontend);
    }
    if (!bytes)
        co_return bytes.error();
    if (*bytes == headroom_)
        co_return Unit{};
    auto done = co_await backend_->set_headroom(key_.devid, *bytes);
    if (done)
        headroom_ = *bytes;
    co_return done;
}

asio::awaitable<void> Session::calm_down()
{
    const auto now = Alarm::Clock::now();
    while (!connects_.empty() && connects_.front() + kConnectsIn < now)
        connects_.pop_front();
    connects_.push_back(now);
    if (connects_.size() <= kConnects)
        co_return;
    connects_.pop_front();
    co_await pause(1s);
}

asio::awaitable<void> Session::pause(std::chrono::milliseconds time)
{
    asio::steady_timer timer(executor_, time);
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

} // namespace zocalo::toolstack
