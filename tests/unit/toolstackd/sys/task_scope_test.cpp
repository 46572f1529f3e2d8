// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/log.hpp"
#include "toolstackd/sys/task_scope.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include <stdexcept>

namespace zocalo::toolstack {
namespace {

namespace asio = boost::asio;

asio::awaitable<void> sleep_for_ever(bool& unwound)
{
    struct Mark {
        bool& flag;
        ~Mark() { flag = true; }
    } mark{unwound};
    asio::steady_timer timer{co_await asio::this_coro::executor};
    timer.expires_at(asio::steady_timer::time_point::max());
    co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<void> finish_then(TaskScope& scope, bool& unwound, bool& seen)
{
    co_await scope.finish();
    seen = unwound;
}

TEST(TaskScope, FinishCancelsAndWaitsForEveryTask)
{
    asio::io_context context;
    TaskScope scope{context.get_executor()};
    bool unwound = false, unwound_before_finish_returned = false;
    scope.spawn("sleeper", sleep_for_ever(unwound));
    EXPECT_EQ(scope.size(), 1u);
    context.poll();
    EXPECT_FALSE(unwound);
    asio::co_spawn(
        context,
        finish_then(scope, unwound, unwound_before_finish_returned),
        [](const std::exception_ptr&) {}
    );
    context.run();
    EXPECT_TRUE(unwound_before_finish_returned);
    EXPECT_EQ(scope.size(), 0u);
}

TEST(TaskScope, ATaskThatHasNotBegunIsCancelledToo)
{
    asio::io_context context;
    TaskScope scope{context.get_executor()};
    bool unwound = false, seen = false;
    asio::co_spawn(context, finish_then(scope, unwound, seen), [](const std::exception_ptr&) {});
    scope.spawn("late", sleep_for_ever(unwound));
    context.run();
    EXPECT_EQ(scope.size(), 0u);
}

asio::awaitable<void> fail()
{
    throw std::runtime_error("broken");
    co_return;
}

TEST(TaskScope, AnExceptionIsLoggedUnderTheTasksName)
{
    std::string logged;
    set_log_sink([&](LogLevel, std::string_view text) { logged = text; });
    asio::io_context context;
    TaskScope scope{context.get_executor()};
    scope.spawn("fragile", fail());
    context.run();
    set_log_sink({});
    EXPECT_NE(logged.find("fragile"), std::string::npos);
    EXPECT_NE(logged.find("broken"), std::string::npos);
}

TEST(TaskScope, NothingStartsAfterCancel)
{
    asio::io_context context;
    TaskScope scope{context.get_executor()};
    scope.cancel();
    bool unwound = false;
    scope.spawn("late", sleep_for_ever(unwound));
    EXPECT_EQ(scope.size(), 0u);
}

} // namespace
} // namespace zocalo::toolstack
