// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/bell.hpp"

#include <cerrno>
#include <chrono>
#include <sys/eventfd.h>
#include <utility>

namespace zocalo::blk {
namespace {

constexpr std::chrono::milliseconds kRetry{5};

} // namespace

Bell::Bell(boost::asio::io_context& io) : event_{io}, retry_{io} {}

Bell::~Bell()
{
    *alive_ = false;
}

Outcome<Unit> Bell::open(std::function<void()> heard)
{
    const int event = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (event < 0)
        return system_error("cannot make an eventfd", errno);
    event_.assign(event);
    heard_ = std::move(heard);
    wait();
    return Unit{};
}

void Bell::wait()
{
    event_.async_wait(
        boost::asio::posix::stream_descriptor::wait_read,
        [this, alive = alive_](boost::system::error_code ec) {
            if (ec || !*alive)
                return;
            silence();
            heard_();
            wait();
        }
    );
}

void Bell::ring()
{
    ::eventfd_write(fd(), 1);
}

void Bell::silence()
{
    eventfd_t count = 0;
    ::eventfd_read(fd(), &count);
}

void Bell::retry(std::function<void()> again)
{
    retry_.expires_after(kRetry);
    retry_.async_wait([alive = alive_, again = std::move(again)](boost::system::error_code ec) {
        if (!ec && *alive)
            again();
    });
}

} // namespace zocalo::blk
