// SPDX-License-Identifier: Apache-2.0
// Worker: one thread beside the event loop for calls that block (giving back space of an image).
// Made before the process loses the right to make threads, and complete when the constructor
// returns: what the C library calls at a thread's start is forbidden by then. Tasks run in order.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <latch>
#include <mutex>
#include <thread>

namespace zocalo::backend {

class Worker {
  public:
    Worker();
    // Finishes the task it is at; those that wait are dropped.
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    void run(std::function<void()> task);

  private:
    void work();

    std::mutex mutex_; // guards what follows
    std::condition_variable changed_;
    std::deque<std::function<void()>> tasks_;
    bool ending_ = false;
    std::latch started_{1};
    std::thread thread_; // last: it uses the others
};

} // namespace zocalo::backend
