// SPDX-License-Identifier: Apache-2.0
// Bell: the eventfd by which the kernel says that transfers have ended, waited for in the event
// loop, and another try a moment later at what the kernel could not take. What engines share.
#pragma once

#include "common/error/error.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>

namespace zocalo::blk {

class Bell {
  public:
    explicit Bell(boost::asio::io_context& io);
    // Whatever comes later calls nobody.
    ~Bell();
    Bell(const Bell&) = delete;
    Bell& operator=(const Bell&) = delete;

    // From now on each signal calls `heard` from the event loop; it was silenced before, so that
    // none is missed.
    Outcome<Unit> open(std::function<void()> heard);
    int fd() { return event_.native_handle(); }
    // An end that the kernel will not announce: wakes the loop as if it did.
    void ring();
    // Takes back a signal that the loop has not seen yet.
    void silence();
    // The kernel had no memory: it may have soon. The last `again` counts.
    void retry(std::function<void()> again);

  private:
    void wait();

    boost::asio::posix::stream_descriptor event_;
    boost::asio::steady_timer retry_;
    std::function<void()> heard_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace zocalo::blk
