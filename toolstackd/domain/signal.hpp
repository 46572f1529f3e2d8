// SPDX-License-Identifier: Apache-2.0
// Signal and Mutex: how coroutines on the daemon's one thread wait for each other. A Signal carries
// no state: check the condition, then wait, then check again. A Mutex guards a decision that spans
// several awaits (reserving a name or memory).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace zocalo::toolstack {

class Signal {
  public:
    explicit Signal(const boost::asio::any_io_executor& executor)
        : timer_{executor, boost::asio::steady_timer::time_point::max()}
    {
    }
    // Wakes everybody who waits now.
    void notify() { timer_.cancel(); }
    boost::asio::awaitable<void> wait()
    {
        boost::system::error_code woken;
        co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
    }

  private:
    boost::asio::steady_timer timer_;
};

class Mutex {
  public:
    class Guard {
      public:
        explicit Guard(Mutex* mutex) : mutex_{mutex} {}
        Guard(Guard&& other) noexcept : mutex_{other.mutex_} { other.mutex_ = nullptr; }
        Guard& operator=(Guard&&) = delete;
        ~Guard()
        {
            if (mutex_ == nullptr)
                return;
            mutex_->taken_ = false;
            mutex_->free_.notify();
        }

      private:
        Mutex* mutex_;
    };

    explicit Mutex(const boost::asio::any_io_executor& executor) : free_{executor} {}
    boost::asio::awaitable<Guard> acquire()
    {
        while (taken_)
            co_await free_.wait();
        taken_ = true;
        co_return Guard(this);
    }

  private:
    Signal free_;
    bool taken_{};
};

} // namespace zocalo::toolstack
