// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/pool.hpp"

#include <boost/asio/co_spawn.hpp>
#include <gtest/gtest.h>

#include <stdexcept>

namespace zocalo::toolstack {
namespace {

namespace asio = boost::asio;

template <class T> T run(asio::io_context& context, asio::awaitable<T> task)
{
    std::optional<T> result;
    std::exception_ptr failure;
    asio::co_spawn(context, std::move(task), [&](std::exception_ptr e, T value) {
        failure = e;
        result = std::move(value);
    });
    context.run();
    if (failure)
        std::rethrow_exception(failure);
    return *result;
}

TEST(Pool, WorkRunsOnAnotherThreadAndTheCallerGoesOnOnItsOwn)
{
    asio::io_context context;
    Pool pool{"test", 1};
    struct Threads {
        std::thread::id work, after;
    };
    auto task = [](Pool& p) -> asio::awaitable<Threads> {
        Threads seen;
        seen.work = co_await p.run([] { return std::this_thread::get_id(); });
        seen.after = std::this_thread::get_id();
        co_return seen;
    };
    const Threads seen = run(context, task(pool));
    EXPECT_NE(seen.work, std::this_thread::get_id());
    EXPECT_EQ(seen.after, std::this_thread::get_id());
    EXPECT_EQ(pool.pending(), 0u);
}

TEST(Pool, AnExceptionReachesTheAwaitingCoroutine)
{
    asio::io_context context;
    Pool pool{"test", 1};
    auto fails = []() -> int { throw std::runtime_error("no"); };
    EXPECT_THROW(run(context, pool.run(fails)), std::runtime_error);
}

} // namespace
} // namespace zocalo::toolstack
