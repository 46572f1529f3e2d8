// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/clock.hpp"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <utility>

namespace zocalo::toolstack {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

class SystemClock final : public Clock {
  public:
    explicit SystemClock(boost::asio::any_io_executor executor)
        : executor_{std::move(executor)}, steady_start_{Steady::now()},
          unix_start_{std::chrono::duration_cast<milliseconds>(
                          std::chrono::system_clock::now().time_since_epoch()
          )
                          .count()}
    {
    }

    std::int64_t now_ms() const override
    {
        return unix_start_ +
               std::chrono::duration_cast<milliseconds>(Steady::now() - steady_start_).count();
    }

    Alarm at(std::int64_t ms, std::function<void()> then) override
    {
        auto timer = std::make_shared<boost::asio::steady_timer>(executor_);
        timer->expires_at(steady_start_ + milliseconds(ms - unix_start_));
        timer->async_wait([then = std::move(then)](const boost::system::error_code& failure) {
            if (!failure)
                then();
        });
        return timer;
    }

  private:
    boost::asio::any_io_executor executor_;
    Steady::time_point steady_start_;
    std::int64_t unix_start_;
};

} // namespace

std::unique_ptr<Clock> make_system_clock(boost::asio::any_io_executor executor)
{
    return std::make_unique<SystemClock>(std::move(executor));
}

} // namespace zocalo::toolstack
