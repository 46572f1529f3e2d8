// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/task_scope.hpp"

#include "toolstackd/sys/log.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <unordered_set>
#include <utility>
#include <vector>

namespace zocalo::toolstack {

namespace asio = boost::asio;

namespace {

struct Task {
    std::string name;
    asio::cancellation_signal signal;
    bool begun{}, cancelled{};
};

// Asio lets a cancellation that arrives before a coroutine's first step escape from
// io_context::run(); such a task is told here instead.
asio::awaitable<void> begin(std::shared_ptr<Task> self, asio::awaitable<void> task)
{
    self->begun = true;
    if (!self->cancelled)
        co_await std::move(task);
}

void report(const std::string& name, const std::exception_ptr& failure)
{
    if (!failure)
        return;
    try {
        std::rethrow_exception(failure);
    } catch (const boost::system::system_error& e) {
        if (e.code() != asio::error::operation_aborted)
            log_error("task " + name + " ended by an error: " + e.what());
    } catch (const std::exception& e) {
        log_error("task " + name + " ended by an exception: " + e.what());
    }
}

} // namespace

struct TaskScope::State {
    explicit State(asio::any_io_executor e) : executor{std::move(e)}, ended{executor} {}

    void cancel()
    {
        cancelled = true;
        // A cancelled task may end, and leave the set, while we walk.
        const std::vector<std::shared_ptr<Task>> now(tasks.begin(), tasks.end());
        for (const auto& task : now) {
            task->cancelled = true;
            if (task->begun)
                task->signal.emit(asio::cancellation_type::terminal);
        }
    }

    asio::any_io_executor executor;
    asio::steady_timer ended; // cancelled whenever the last task has ended
    std::unordered_set<std::shared_ptr<Task>> tasks;
    bool cancelled{};
};

TaskScope::TaskScope(asio::any_io_executor executor)
    : state_{std::make_shared<State>(std::move(executor))}
{
}

TaskScope::~TaskScope()
{
    state_->cancel();
}

void TaskScope::spawn(std::string name, asio::awaitable<void> task)
{
    if (state_->cancelled)
        return;
    auto entry = std::make_shared<Task>();
    entry->name = std::move(name);
    state_->tasks.insert(entry);
    auto done = [state = state_, entry](const std::exception_ptr& failure) {
        report(entry->name, failure);
        state->tasks.erase(entry);
        if (state->tasks.empty())
            state->ended.cancel();
    };
    asio::co_spawn(
        state_->executor,
        begin(entry, std::move(task)),
        asio::bind_cancellation_slot(entry->signal.slot(), std::move(done))
    );
}

void TaskScope::cancel()
{
    state_->cancel();
}

asio::awaitable<void> TaskScope::finish()
{
    const auto state = state_;
    state->cancel();
    while (!state->tasks.empty()) {
        boost::system::error_code woken;
        state->ended.expires_at(asio::steady_timer::time_point::max());
        co_await state->ended.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    }
}

std::size_t TaskScope::size() const
{
    return state_->tasks.size();
}

} // namespace zocalo::toolstack
