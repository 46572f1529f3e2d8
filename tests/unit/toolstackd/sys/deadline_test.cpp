// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/deadline.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <future>

namespace zocalo::toolstack {
namespace {

using namespace std::chrono_literals;

template <class T>
boost::asio::awaitable<void> keep(Answer<T> answer, std::optional<Outcome<T>>& out)
{
    out.emplace(co_await std::move(answer));
}

template <class T>
Outcome<T> answer_of(
    boost::asio::io_context& io,
    Pool& pool,
    std::chrono::milliseconds limit,
    std::function<Outcome<T>()> work
)
{
    std::optional<Outcome<T>> out;
    boost::asio::co_spawn(
        io,
        keep<T>(within<T>(io.get_executor(), pool, limit, "work", std::move(work)), out),
        [](std::exception_ptr) {}
    );
    io.restart();
    while (!out)
        io.run_one();
    return *out;
}

TEST(Deadline, PassesTheResultOn)
{
    boost::asio::io_context io;
    Pool pool("test", 1);
    const auto seven = answer_of<int>(io, pool, 1min, [] { return Outcome<int>(7); });
    EXPECT_EQ(seven.value(), 7);
    const auto error = answer_of<int>(io, pool, 1min, [] {
        return Outcome<int>(Error{Code::denied, "no", {}});
    });
    EXPECT_EQ(error.error().code, Code::denied);
}

TEST(Deadline, AnswersTimeoutWhileTheWorkGoesOn)
{
    boost::asio::io_context io;
    Pool pool("test", 1);
    std::promise<void> release;
    auto released = std::make_shared<std::shared_future<void>>(release.get_future().share());
    auto finished = std::make_shared<std::atomic<bool>>(false);
    const auto late = answer_of<int>(io, pool, 1ms, [released, finished] {
        released->wait();
        *finished = true;
        return Outcome<int>(7);
    });
    EXPECT_EQ(late.error().code, Code::timeout);
    EXPECT_FALSE(*finished);
    release.set_value();
    while (!*finished)
        std::this_thread::yield();
}

TEST(Deadline, TurnsAnExceptionIntoAnError)
{
    boost::asio::io_context io;
    Pool pool("test", 1);
    const auto failed =
        answer_of<int>(io, pool, 1min, []() -> Outcome<int> { throw std::bad_alloc(); });
    EXPECT_EQ(failed.error().code, Code::failed);
}

} // namespace
} // namespace zocalo::toolstack
