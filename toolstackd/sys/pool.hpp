// SPDX-License-Identifier: Apache-2.0
// Pool: a few named threads for what blocks (SQLite, hypercalls, file I/O), awaited from the
// daemon's one thread. Work runs in the order given when the pool has one thread. It knows nothing
// of what it runs.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace zocalo::toolstack {

class Pool {
  public:
    // `name` is what `top -H` shows (15 characters at most).
    Pool(std::string name, unsigned threads);
    // Waits for the work that has been handed over.
    ~Pool();
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    // Runs `work()` on a thread of the pool and comes back to the caller's executor with its value,
    // or with the exception it threw. Work cannot be cancelled once handed over: what it refers to
    // must live until it has run, also when the awaiting coroutine was cancelled.
    template <class Work> boost::asio::awaitable<std::invoke_result_t<Work&>> run(Work work)
    {
        using Value = std::invoke_result_t<Work&>;
        std::optional<Value> value = co_await start<Value>(std::move(work));
        co_return std::move(*value);
    }

    // Work that was handed over and has not ended.
    std::size_t pending() const { return pending_; }

  private:
    template <class Value, class Work> boost::asio::awaitable<std::optional<Value>> start(Work work)
    {
        namespace asio = boost::asio;
        auto initiate = [this](auto handler, Work moved) {
            auto executor = asio::prefer(
                asio::get_associated_executor(handler), asio::execution::outstanding_work.tracked
            );
            ++pending_;
            auto job = [this,
                        executor = std::move(executor),
                        handler = std::move(handler),
                        work = std::move(moved)]() mutable {
                std::optional<Value> value;
                std::exception_ptr failure;
                try {
                    value.emplace(work());
                } catch (...) {
                    failure = std::current_exception();
                }
                --pending_;
                asio::post(
                    executor,
                    [handler = std::move(handler), failure, value = std::move(value)]() mutable {
                        std::move(handler)(failure, std::move(value));
                    }
                );
            };
            asio::post(context_, std::move(job));
        };
        return asio::async_initiate<
            const asio::use_awaitable_t<>&,
            void(std::exception_ptr, std::optional<Value>)>(
            std::move(initiate), asio::use_awaitable, std::move(work)
        );
    }

    boost::asio::io_context context_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_;
    std::vector<std::thread> threads_;
    std::atomic<std::size_t> pending_{};
};

} // namespace zocalo::toolstack
