// SPDX-License-Identifier: Apache-2.0
// TaskScope: owns the coroutines somebody spawned, so that all of them can be cancelled and awaited
// before what they refer to is destroyed. Every coroutine of the daemon that nobody awaits belongs
// to one; nothing is spawned `detached`. Used on the executor's thread only.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string>

namespace zocalo::toolstack {

class TaskScope {
  public:
    explicit TaskScope(boost::asio::any_io_executor executor);
    TaskScope(const TaskScope&) = delete;
    TaskScope& operator=(const TaskScope&) = delete;
    // What still runs then is cancelled, but goes on without its scope: call `finish` before.
    ~TaskScope();

    // Starts `task` soon. An exception that ends it is logged under `name`, cancellation is not.
    // After `cancel` nothing starts any more.
    void spawn(std::string name, boost::asio::awaitable<void> task);
    // Asks every task to end: whatever it awaits throws operation_aborted.
    void cancel();
    // cancel, then wait until the last task has ended.
    boost::asio::awaitable<void> finish();

    std::size_t size() const;

  private:
    struct State;
    std::shared_ptr<State> state_;
};

} // namespace zocalo::toolstack
