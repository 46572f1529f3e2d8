// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/app/application.hpp"

#include "toolstackd/app/database_guard.hpp"
#include "toolstackd/app/parts.hpp"
#include "toolstackd/app/systemd.hpp"
#include "toolstackd/app/version.hpp"
#include "toolstackd/sys/task_scope.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <csignal>
#include <time.h>

namespace zocalo::toolstack {

namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

// Since this process was made, from the kernel's own clocks: what a user waits for.
double milliseconds_of_cpu()
{
    timespec used{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) * 1e3 + static_cast<double>(used.tv_nsec) / 1e6;
}

// The watchdog hears from us only while this thread and the database's both get round.
asio::awaitable<void> feed_watchdog(Pool& database, std::chrono::microseconds interval)
{
    asio::steady_timer timer{co_await asio::this_coro::executor};
    for (;;) {
        auto nothing = [] { return true; };
        co_await database.run(nothing);
        systemd::alive();
        timer.expires_after(interval / 3);
        co_await timer.async_wait(asio::use_awaitable);
    }
}

asio::awaitable<void> end_in_order(Parts& parts)
{
    const milliseconds limit = std::chrono::seconds{parts.config.stop_limit_s};
    systemd::stopping("ends what is under way");
    co_await parts.api->stop(milliseconds{2000});
    const auto stopped = co_await parts.domains->stop(limit);
    if (!stopped)
        log_warning("steps are left for the next start: " + describe(stopped.error()));
    co_await parts.consoles->stop();
}

using SteadyClock = std::chrono::steady_clock;

void announce(const Parts& parts, SteadyClock::time_point began)
{
    const auto taken = std::chrono::duration_cast<milliseconds>(SteadyClock::now() - began);
    std::string text = "toolstackd " + std::string(kVersion) + " serves " + parts.config.socket;
    log_info(
        text + " after " + std::to_string(taken.count()) + " ms (" +
        std::to_string(static_cast<int>(milliseconds_of_cpu())) + " ms of CPU time)"
    );
    systemd::ready(text);
}

// Everything from the first step to the last; the outcome is the daemon's.
asio::awaitable<void>
live(asio::io_context& context, Parts& parts, SteadyClock::time_point began, Outcome<Unit>& outcome)
{
    asio::signal_set signals{context, SIGTERM, SIGINT};
    TaskScope tasks{context.get_executor()};
    parts.consoles->start();
    if (const auto interval = systemd::watchdog_interval())
        tasks.spawn("watchdog", feed_watchdog(*parts.database_pool, *interval));
    co_await guard_database(parts);
    outcome = co_await parts.domains->start();
    if (outcome) {
        parts.api->start();
        announce(parts, began);
        boost::system::error_code ignored;
        co_await signals.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        log_info("toolstackd stops; guests and their backends go on");
    }
    co_await end_in_order(parts);
    co_await tasks.finish();
    context.stop(); // timers and watches of the parts need not run out
}

} // namespace

Outcome<Unit> serve(const Config& config)
{
    const auto began = SteadyClock::now();
    std::signal(SIGPIPE, SIG_IGN);
    asio::io_context context{1};
    auto listener = systemd::activated_socket();
    auto parts = TRY(make_parts(context.get_executor(), config, std::move(listener)));
    Outcome<Unit> outcome{Unit{}};
    TaskScope main{context.get_executor()};
    main.spawn("main", live(context, *parts, began, outcome));
    context.run();
    return outcome;
}

} // namespace zocalo::toolstack
