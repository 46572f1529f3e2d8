// SPDX-License-Identifier: Apache-2.0
// Uring: the one io_uring of a process, shared by all its images (uring_image). One, because an
// image comes when the process has given up the right to make a ring or to change one; it is made
// before, can do nothing but read, write and flush what the process has open, and works on plain
// descriptors and buffers: registering those would take the call that is forbidden by then.
//
// The event loop waits for its eventfd. Ends are read from memory that the kernel shares, without a
// system call; only when the kernel says that it has some to hand over, one more is made.
#pragma once

#include "backends/blk/bell.hpp"
#include "backends/blk/image.hpp"

#include <liburing.h>
#include <memory>
#include <vector>

namespace zocalo::blk {

class Uring {
  public:
    // Who has transfers in the ring.
    class Member {
      public:
        virtual ~Member() = default;
        // Bytes, or a negative errno value; only to be noted. `tag` is the transfer's.
        virtual void ended(std::uint32_t tag, int result) = 0;
        // From the event loop: there were ends, or there is room again.
        virtual void look() = 0;
    };
    using Id = std::uint32_t;

    // Transfers of all images that the kernel has at a time, as many as it has places for their
    // ends: no end is ever held back in the kernel.
    static constexpr unsigned kMostUnderWay = 4096;

    // Null where the kernel has no io_uring, or an administrator took it away: disks are served
    // through libaio then. From here on only this thread may use it.
    static std::unique_ptr<Uring> create(boost::asio::io_context& io);
    // After its last member has left.
    ~Uring();
    Uring(const Uring&) = delete;
    Uring& operator=(const Uring&) = delete;

    Id join(Member& member);
    // Waits for what the member has under way: buffers may go after this, and it hears no more.
    void leave(Id id);

    // A read, write or flush for the next submit(). False: no room; the member will be told to
    // look().
    bool add(Id id, int file, const Transfer& transfer);
    // Hands what was added to the kernel, in one go.
    void submit();
    // Tells members what has ended.
    void reap();
    // The member has looked: what it was told is dealt with.
    void looked(Id id);
    // Nothing is under way and everybody has looked: the loop need not wake.
    void silence_if_idle();

  private:
    friend struct UringPeek; // tests ask it for what it must refuse
    struct Seat {
        Member* member{}; // null: free once nothing is under way
        std::size_t under_way{};
        bool heard{}; // of ends it has not looked for
        bool waits{}; // for room
    };

    explicit Uring(boost::asio::io_context& io);
    bool open();
    bool restrict_and_enable();
    io_uring_sqe* next_entry();
    void turn();

    io_uring ring_{};
    bool usable_{};
    Bell bell_;
    std::vector<Seat> seats_;
    std::size_t under_way_{};
};

} // namespace zocalo::blk
