// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/aio_image.hpp"

#include "backends/blk/medium.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <libaio.h>

#include <array>
#include <cerrno>
#include <sys/eventfd.h>
#include <utility>
#include <vector>

namespace zocalo::blk {

namespace asio = boost::asio;

namespace {

// The kernel had no memory for a submission: it may have soon.
constexpr std::chrono::milliseconds kRetry{5};

// One transfer on its way; `control` is what libaio knows it by.
struct Slot {
    iocb control{};
    Transfer transfer;
    std::size_t done = 0; // bytes, after a short transfer
};

} // namespace

struct AioImage::State : std::enable_shared_from_this<AioImage::State> {
    State(asio::io_context& io_, backend::Worker& worker_, UniqueFd file_, std::size_t depth)
        : io{io_}, worker{worker_}, file{std::move(file_)}, event{io_}, retry{io_}, slots(depth)
    {
        for (Slot& slot : slots)
            unused.push_back(&slot);
        prepared.reserve(depth);
        completed.reserve(depth);
        delivering.reserve(depth);
    }
    ~State() { destroy(); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    // Waits for what is in flight: buffers may go after this.
    void destroy()
    {
        if (io_context_t mine = std::exchange(context, nullptr); mine != nullptr)
            ::io_destroy(mine);
    }

    asio::io_context& io;
    backend::Worker& worker;
    UniqueFd file;
    Medium medium;
    bool read_only = false;
    io_context_t context = nullptr;
    asio::posix::stream_descriptor event;
    asio::steady_timer retry;
    std::vector<Slot> slots;
    std::vector<Slot*> unused;
    std::vector<iocb*> prepared; // not with the kernel yet
    std::vector<Completion> completed;
    std::vector<Completion> delivering;
    OnCompleted callback;
    bool closed = false;
    bool collecting = false; // the callback submits, and its owner looks again

    void prepare(Slot& slot)
    {
        const Transfer& t = slot.transfer;
        std::byte* data = t.data.data() + slot.done;
        const std::size_t bytes = t.data.size() - slot.done;
        const auto offset = static_cast<long long>(t.offset + slot.done);
        if (t.direction == Direction::flush)
            ::io_prep_fdsync(&slot.control, file.get());
        else if (t.direction == Direction::read)
            ::io_prep_pread(&slot.control, file.get(), data, bytes, offset);
        else
            ::io_prep_pwrite(&slot.control, file.get(), data, bytes, offset);
        ::io_set_eventfd(&slot.control, event.native_handle());
        slot.control.data = &slot;
        prepared.push_back(&slot.control);
    }

    // Beside the data path: it blocks. The state, and with it the file, lives until it is done.
    void discard(Slot& slot)
    {
        worker.run([self = shared_from_this(), &slot] {
            const Transfer& t = slot.transfer;
            const bool secure = t.direction == Direction::secure_discard;
            const int error =
                blk::discard(self->file.get(), self->medium, t.offset, t.length, secure);
            asio::post(self->io, [self, &slot, error] {
                if (self->closed)
                    return;
                self->finish(slot, error);
                self->announce();
            });
        });
    }

    void push_prepared()
    {
        std::size_t sent = 0;
        while (sent < prepared.size()) {
            const int taken = ::io_submit(
                context, static_cast<long>(prepared.size() - sent), prepared.data() + sent
            );
            if (taken > 0) {
                sent += static_cast<std::size_t>(taken);
            } else if (taken == -EAGAIN || taken == 0) {
                retry_later();
                break;
            } else if (taken != -EINTR) {
                // The first of the rest was refused; the others may still be good.
                finish(*static_cast<Slot*>(prepared[sent]->data), -taken);
                ++sent;
                announce_later();
            }
        }
        prepared.erase(prepared.begin(), prepared.begin() + static_cast<std::ptrdiff_t>(sent));
    }

    void retry_later()
    {
        retry.expires_after(kRetry);
        retry.async_wait([self = shared_from_this()](boost::system::error_code ec) {
            if (!ec && !self->closed)
                self->push_prepared();
        });
    }

    // A completion that the kernel will not announce: wake the loop as if it did.
    void announce_later() { ::eventfd_write(event.native_handle(), 1); }

    void wait()
    {
        event.async_wait(
            asio::posix::stream_descriptor::wait_read,
            [self = shared_from_this()](boost::system::error_code ec) {
                if (ec || self->closed)
                    return;
                self->reap();
                if (!self->closed)
                    self->wait();
            }
        );
    }

    void reap()
    {
        silence(); // before the events: none is missed
        gather();
    }

    void silence()
    {
        eventfd_t count = 0;
        ::eventfd_read(event.native_handle(), &count);
    }

    void collect()
    {
        if (collecting || unused.size() == slots.size())
            return;
        gather();
        if (unused.size() == slots.size())
            silence(); // else the loop would wake for what has been answered
    }

    void gather()
    {
        if (std::exchange(collecting, true))
            return;
        std::array<io_event, 64> events;
        timespec now{};
        int got = 0;
        do {
            got = ::io_getevents(context, 0, events.size(), events.data(), &now);
            for (int i = 0; i < got; ++i)
                advance(events[static_cast<std::size_t>(i)]);
        } while (got == static_cast<int>(events.size()));
        if (!prepared.empty())
            push_prepared(); // rests of short transfers, or room after EAGAIN
        announce();
        collecting = false;
    }

    void advance(const io_event& event_)
    {
        Slot& slot = *static_cast<Slot*>(event_.data);
        const auto result = static_cast<long>(event_.res);
        if (result < 0)
            return finish(slot, static_cast<int>(-result));
        slot.done += static_cast<std::size_t>(result);
        if (slot.transfer.direction == Direction::flush || slot.done >= slot.transfer.data.size())
            return finish(slot, 0);
        // Zero bytes: the image ends inside the transfer, it was cut below us.
        if (result == 0)
            return finish(slot, EIO);
        prepare(slot);
    }

    void finish(Slot& slot, int error)
    {
        completed.push_back({slot.transfer.tag, error});
        unused.push_back(&slot);
    }

    void announce()
    {
        if (completed.empty())
            return;
        delivering.clear();
        delivering.swap(completed
        ); // the callback submits, and a refused transfer completes at once
        const bool outer = std::exchange(collecting, true); // what is being delivered stays
        if (callback)
            callback(delivering);
        collecting = outer;
    }
};

Outcome<std::unique_ptr<AioImage>>
AioImage::create(asio::io_context& io, backend::Worker& worker, UniqueFd file, const Wanted& wanted)
{
    Medium medium = TRY(examine(file.get(), wanted.sector_size));
    if (!wanted.read_only && !medium.writable)
        return Error{
            Code::denied, "the image is open for reading only, but the disk is writable", {}};
    auto state = std::make_shared<State>(io, worker, std::move(file), wanted.depth);
    state->medium = std::move(medium);
    state->read_only = wanted.read_only;
    if (const int error = ::io_setup(static_cast<int>(wanted.depth), &state->context); error < 0)
        return system_error(
            "cannot set up asynchronous I/O", -error, "raise the sysctl fs.aio-max-nr"
        );
    const int event = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (event < 0)
        return system_error("cannot make an eventfd", errno);
    state->event.assign(event);
    state->wait();
    return std::unique_ptr<AioImage>{new AioImage{std::move(state)}};
}

AioImage::AioImage(std::shared_ptr<State> state) : state_{std::move(state)} {}

AioImage::~AioImage()
{
    state_->closed = true;
    state_->callback = nullptr;
    state_->retry.cancel();
    state_->destroy();
    boost::system::error_code ignored;
    state_->event.cancel(ignored);
}

std::uint64_t AioImage::sectors() const
{
    return state_->medium.bytes / 512;
}
bool AioImage::writable() const
{
    return !state_->read_only;
}
std::uint32_t AioImage::physical_block() const
{
    return state_->medium.physical_block;
}
std::uint32_t AioImage::discard_granularity() const
{
    return state_->medium.discard_granularity;
}
bool AioImage::discards_securely() const
{
    return state_->medium.discards_securely;
}
void AioImage::measure()
{
    if (const auto bytes = size_of(state_->file.get()))
        state_->medium.bytes = *bytes;
}
std::size_t AioImage::room() const
{
    return state_->unused.size();
}
const std::string& AioImage::note() const
{
    return state_->medium.note;
}

void AioImage::submit(const Transfer& transfer)
{
    Slot& slot = *state_->unused.back();
    state_->unused.pop_back();
    slot.transfer = transfer;
    slot.done = 0;
    if (transfer.direction == Direction::discard || transfer.direction == Direction::secure_discard)
        state_->discard(slot);
    else
        state_->prepare(slot);
}

void AioImage::kick()
{
    state_->push_prepared();
}

void AioImage::collect()
{
    state_->collect();
}

void AioImage::on_completed(OnCompleted callback)
{
    state_->callback = std::move(callback);
}

} // namespace zocalo::blk
