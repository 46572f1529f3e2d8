// SPDX-License-Identifier: Apache-2.0
// within: awaits blocking work on a Pool, but no longer than a limit. Work that is late goes on in
// its thread and its result is dropped: whatever it refers to must be owned by the work itself.
// Used by the edges of the daemon that call libraries which block.
#pragma once

#include "toolstackd/sys/answer.hpp"
#include "toolstackd/sys/pool.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace zocalo::toolstack {

namespace deadline_detail {

template <class T> struct Race {
    explicit Race(const boost::asio::any_io_executor& executor) : alarm(executor) {}
    boost::asio::steady_timer alarm;
    std::optional<Outcome<T>> result;
};

template <class T>
boost::asio::awaitable<void>
run(Pool& pool, std::shared_ptr<Race<T>> race, std::function<Outcome<T>()> work)
{
    auto result = co_await pool.run(std::move(work));
    race->result.emplace(std::move(result));
    race->alarm.cancel();
}

} // namespace deadline_detail

// Code::timeout, naming `what`, when `limit` passes first.
template <class T>
Answer<T> within(
    boost::asio::any_io_executor executor,
    Pool& pool,
    std::chrono::milliseconds limit,
    std::string what,
    std::function<Outcome<T>()> work
)
{
    namespace asio = boost::asio;
    const auto race = std::make_shared<deadline_detail::Race<T>>(executor);
    race->alarm.expires_after(limit);
    asio::co_spawn(
        executor,
        deadline_detail::run<T>(pool, race, std::move(work)),
        [race](std::exception_ptr failure) {
            if (!failure)
                return;
            race->result.emplace(Error{Code::failed, "the daemon ran out of memory", {}});
            race->alarm.cancel();
        }
    );
    boost::system::error_code ignored;
    if (!race->result)
        co_await race->alarm.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (race->result)
        co_return std::move(*race->result);
    co_return Error{
        Code::timeout,
        what + " takes longer than " + std::to_string(limit.count() / 1000) + " s",
        "it goes on; look at the domain's state later"};
}

} // namespace zocalo::toolstack
