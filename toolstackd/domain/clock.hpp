// SPDX-License-Identifier: Apache-2.0
// Clock: the domain layer's time. One interface, so that tests can let hours pass in no time; the
// real one follows the monotonic clock from where the wall clock stood at start-up, so that a
// jump of the wall clock moves no deadline.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <functional>
#include <memory>

namespace zocalo::toolstack {

class Clock {
  public:
    using Alarm = std::shared_ptr<void>;
    virtual ~Clock() = default;
    // Unix time in milliseconds.
    virtual std::int64_t now_ms() const = 0;
    // Calls `then` once, at `ms` or soon after, unless the alarm was dropped before.
    virtual Alarm at(std::int64_t ms, std::function<void()> then) = 0;
};

std::unique_ptr<Clock> make_system_clock(boost::asio::any_io_executor executor);

} // namespace zocalo::toolstack
