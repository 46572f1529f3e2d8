// SPDX-License-Identifier: Apache-2.0
#include "backends/net/write_ring.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <sys/uio.h>
#include <utility>

namespace zocalo::net {
namespace {

constexpr unsigned kEntries = 64; // a batch of TxQueue's
// For one batch: more than one only when a signal came or memory was short.
constexpr unsigned kMostCalls = 1000;
// A tap takes a frame or refuses it at once.
constexpr std::chrono::seconds kLongestWait{1};

// io_uring can do what a list of system calls forbids, opening files for one: not this one.
bool only_writes(io_uring& ring)
{
    io_uring_restriction write{};
    write.opcode = IORING_RESTRICTION_SQE_OP;
    write.sqe_op = IORING_OP_WRITE;
    return ::io_uring_register_restrictions(&ring, &write, 1) == 0 &&
           ::io_uring_enable_rings(&ring) == 0;
}

} // namespace

std::unique_ptr<WriteRing> WriteRing::create()
{
    std::unique_ptr<WriteRing> made{new WriteRing};
    made->usable_ = ::io_uring_queue_init(kEntries, &made->ring_, IORING_SETUP_R_DISABLED) == 0;
    // Waiting with a limit is one call since Linux 5.11.
    if (!made->usable_ || (made->ring_.features & IORING_FEAT_EXT_ARG) == 0 ||
        !only_writes(made->ring_))
        return nullptr;
    return made;
}

WriteRing::~WriteRing()
{
    close();
}

// Takes back what has not ended: nothing touches the frames afterwards.
void WriteRing::close()
{
    if (std::exchange(usable_, false))
        ::io_uring_queue_exit(&ring_);
}

void WriteRing::write(int fd, std::span<TapWrite> writes)
{
    for (std::size_t at = 0; at < writes.size() && usable_;) {
        const auto some = writes.subspan(at, std::min<std::size_t>(kEntries, writes.size() - at));
        refused_ = false;
        write_some(fd, some);
        if (refused_ && std::exchange(nowait_, false))
            continue; // none of them was written
        at += some.size();
    }
}

void WriteRing::write_some(int fd, std::span<TapWrite> writes)
{
    for (TapWrite& one : writes) {
        one.taken = false;
        io_uring_sqe* entry = ::io_uring_get_sqe(&ring_); // never null: the last batch has ended
        ::io_uring_prep_write(
            entry, fd, one.bytes.data(), static_cast<unsigned>(one.bytes.size()), 0
        );
        entry->rw_flags = nowait_ ? RWF_NOWAIT : 0;
        ::io_uring_sqe_set_data(entry, &one);
    }
    std::size_t open = writes.size();
    for (unsigned calls = 0; open != 0 && calls < kMostCalls; ++calls) {
        __kernel_timespec longest{kLongestWait.count(), 0};
        io_uring_cqe* first = nullptr;
        const int sent = ::io_uring_submit_and_wait_timeout(
            &ring_, &first, static_cast<unsigned>(open), &longest, nullptr
        );
        open -= collect();
        // A signal, or no memory for the moment.
        if (sent < 0 && sent != -EINTR && sent != -EAGAIN && sent != -EBUSY)
            break;
    }
    if (open != 0)
        close();
}

std::size_t WriteRing::collect()
{
    std::size_t ended = 0;
    io_uring_cqe* done = nullptr;
    for (; ::io_uring_peek_cqe(&ring_, &done) == 0 && done != nullptr; ++ended) {
        auto& one = *static_cast<TapWrite*>(::io_uring_cqe_get_data(done));
        one.taken = done->res >= 0 && static_cast<std::size_t>(done->res) == one.bytes.size();
        refused_ = refused_ || done->res == -EOPNOTSUPP;
        ::io_uring_cqe_seen(&ring_, done);
    }
    return ended;
}

} // namespace zocalo::net
