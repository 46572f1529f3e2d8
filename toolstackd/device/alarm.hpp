// SPDX-License-Identifier: Apache-2.0
// Alarm: lets coroutines wait for "something changed" with a limit. Whoever changes state calls
// ring(); waiters look again. One thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <set>

namespace zocalo::toolstack {

class Alarm {
  public:
    using Clock = std::chrono::steady_clock;

    explicit Alarm(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

    void ring()
    {
        for (boost::asio::steady_timer* timer : waiting_)
            timer->cancel();
    }
    // Until the next ring() or `until`. Keep the Alarm's owner alive meanwhile.
    boost::asio::awaitable<void> wait(Clock::time_point until)
    {
        boost::asio::steady_timer timer(executor_, until);
        waiting_.insert(&timer);
        boost::system::error_code ignored;
        co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
        waiting_.erase(&timer);
    }

  private:
    boost::asio::any_io_executor executor_;
    std::set<boost::asio::steady_timer*> waiting_;
};

} // namespace zocalo::toolstack
