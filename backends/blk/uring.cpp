// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/uring.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <poll.h>

namespace zocalo::blk {
namespace {

constexpr unsigned kEntries = 256; // handed over in one call: what an image has at most

// Between two tries while there is nothing else to do.
constexpr int kRetryMs = 5;

// Linux 6.0: no interrupt of this process for each end, a flag in shared memory instead; and one
// transfer that is refused does not hold up those behind it.
constexpr unsigned kSparing = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
                              IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_SUBMIT_ALL;

// Threads of the kernel's for what blocks, of files and devices, and of anything else. They count
// as the process's: its control group holds eight, and without any at all transfers would fail.
constexpr std::array kWorkers{4U, 1U};

int set_up(io_uring& ring, unsigned flags)
{
    io_uring_params how{};
    how.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE | flags;
    how.cq_entries = Uring::kMostUnderWay;
    return ::io_uring_queue_init_params(kEntries, &ring, &how);
}

void prepare(io_uring_sqe* entry, int file, const Transfer& t)
{
    const auto bytes = static_cast<unsigned>(t.data.size());
    if (t.direction == Direction::flush)
        ::io_uring_prep_fsync(entry, file, IORING_FSYNC_DATASYNC);
    else if (t.direction == Direction::read)
        ::io_uring_prep_read(entry, file, t.data.data(), bytes, t.offset);
    else
        ::io_uring_prep_write(entry, file, t.data.data(), bytes, t.offset);
}

} // namespace

std::unique_ptr<Uring> Uring::create(boost::asio::io_context& io)
{
    std::unique_ptr<Uring> made{new Uring{io}};
    return made->open() ? std::move(made) : nullptr;
}

Uring::Uring(boost::asio::io_context& io) : bell_{io} {}

bool Uring::open()
{
    int error = set_up(ring_, kSparing);
    if (error == -EINVAL)
        error = set_up(ring_, 0);
    usable_ = error == 0;
    if (!usable_ || !bell_.open([this] { turn(); }))
        return false;
    auto workers = kWorkers; // the call answers there
    return ::io_uring_register_eventfd(&ring_, bell_.fd()) == 0 &&
           ::io_uring_register_iowq_max_workers(&ring_, workers.data()) == 0 &&
           restrict_and_enable();
}

// io_uring can do what a list of system calls forbids, opening files for one: not this one. Nor can
// anything be registered with it any more.
bool Uring::restrict_and_enable()
{
    constexpr std::array kOperations{IORING_OP_READ, IORING_OP_WRITE, IORING_OP_FSYNC};
    std::array<io_uring_restriction, kOperations.size()> only{};
    for (std::size_t i = 0; i < only.size(); ++i) {
        only[i].opcode = IORING_RESTRICTION_SQE_OP;
        only[i].sqe_op = static_cast<std::uint8_t>(kOperations[i]);
    }
    return ::io_uring_register_restrictions(&ring_, only.data(), only.size()) == 0 &&
           ::io_uring_enable_rings(&ring_) == 0;
}

Uring::~Uring()
{
    if (usable_)
        ::io_uring_queue_exit(&ring_);
}

Uring::Id Uring::join(Member& member)
{
    auto seat = std::ranges::find(seats_, nullptr, &Seat::member);
    if (seat == seats_.end())
        seat = seats_.emplace(seat);
    *seat = Seat{&member};
    return static_cast<Id>(seat - seats_.begin());
}

// As long as the medium takes, like io_destroy(2): the kernel reads and writes the buffers.
void Uring::leave(Id id)
{
    seats_[id].member = nullptr;
    while (seats_[id].under_way != 0) {
        const int sent = ::io_uring_submit_and_wait(&ring_, 1);
        reap();
        if (sent < 0 && sent != -EINTR)
            ::poll(nullptr, 0, kRetryMs);
    }
}

bool Uring::add(Id id, int file, const Transfer& transfer)
{
    io_uring_sqe* entry = under_way_ < kMostUnderWay ? next_entry() : nullptr;
    if (entry == nullptr) {
        seats_[id].waits = true;
        return false;
    }
    prepare(entry, file, transfer);
    ::io_uring_sqe_set_data64(entry, std::uint64_t{id} << 32 | transfer.tag);
    ++seats_[id].under_way;
    ++under_way_;
    return true;
}

io_uring_sqe* Uring::next_entry()
{
    if (io_uring_sqe* entry = ::io_uring_get_sqe(&ring_); entry != nullptr)
        return entry;
    submit();
    return ::io_uring_get_sqe(&ring_);
}

// What ends at once is in shared memory when this returns.
void Uring::submit()
{
    while (::io_uring_sq_ready(&ring_) != 0) {
        const int sent = ::io_uring_submit_and_get_events(&ring_);
        if (sent == 0 || (sent < 0 && sent != -EINTR))
            return bell_.retry([this] {
                submit();
                turn();
            });
    }
}

void Uring::reap()
{
    std::array<io_uring_cqe*, 64> ends{};
    unsigned got = 0;
    do {
        got = ::io_uring_peek_batch_cqe(&ring_, ends.data(), ends.size());
        for (unsigned i = 0; i < got; ++i) {
            const std::uint64_t whose = ::io_uring_cqe_get_data64(ends[i]);
            Seat& seat = seats_[whose >> 32];
            --seat.under_way;
            --under_way_;
            if (seat.member == nullptr)
                continue;
            seat.heard = true;
            seat.member->ended(static_cast<std::uint32_t>(whose), ends[i]->res);
        }
        ::io_uring_cq_advance(&ring_, got);
    } while (got == ends.size());
}

void Uring::looked(Id id)
{
    seats_[id].heard = seats_[id].waits = false;
}

void Uring::silence_if_idle()
{
    const auto owed = [](const Seat& seat) { return seat.heard || seat.waits; };
    if (under_way_ == 0 && std::ranges::none_of(seats_, owed))
        bell_.silence();
}

// By number: whoever looks calls back, and members may come and go meanwhile. Those that hear of
// ends after their turn have another: each end is signalled after it can be seen.
void Uring::turn()
{
    reap();
    for (std::size_t i = 0; i < seats_.size(); ++i)
        if (seats_[i].member != nullptr && (seats_[i].heard || seats_[i].waits))
            seats_[i].member->look();
}

} // namespace zocalo::blk
