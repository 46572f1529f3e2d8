// SPDX-License-Identifier: Apache-2.0
// WriteRing: the frames of a batch written to a tap in one system call, by io_uring. A call for
// each costs more than its own way into the kernel: whoever waits for a frame is woken by it and
// runs before the next one is written. The ring can do nothing but write to descriptors the
// process has; it is made before the process gives its rights up.
#pragma once

#include <cstdint>
#include <liburing.h>
#include <memory>
#include <span>

namespace zocalo::net {

struct TapWrite {
    std::span<const std::uint8_t> bytes;
    bool taken{}; // whole, by the kernel
};

class WriteRing {
  public:
    // Null where the kernel has no io_uring, or an administrator took it away: callers write one
    // by one then.
    static std::unique_ptr<WriteRing> create();
    ~WriteRing();
    WriteRing(const WriteRing&) = delete;
    WriteRing& operator=(const WriteRing&) = delete;

    // False once a batch did not end, which a tap gives no reason for.
    bool usable() const { return usable_; }
    // All of them in this order to a descriptor that does not block; each has ended when this
    // returns.
    void write(int fd, std::span<TapWrite> writes);

  private:
    friend struct WriteRingPeek; // tests ask it for what it must refuse
    WriteRing() = default;
    void write_some(int fd, std::span<TapWrite> writes);
    std::size_t collect();
    void close();

    io_uring ring_{};
    bool usable_{};
    // Not to wait for room. Taps know it since Linux 6.4 only; before they have room always.
    bool nowait_{true};
    bool refused_{}; // for want of that
};

} // namespace zocalo::net
