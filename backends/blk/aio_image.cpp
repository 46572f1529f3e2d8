// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/aio_image.hpp"

#include <array>
#include <cerrno>
#include <sys/eventfd.h>
#include <utility>

namespace zocalo::blk {

namespace {

// The kernel had no memory for a submission: it may have soon.
constexpr std::chrono::milliseconds kRetry{5};

} // namespace

Outcome<std::unique_ptr<AioImage>> AioImage::create(
    boost::asio::io_context& io, backend::Worker& worker, UniqueFd file, const Wanted& wanted
)
{
    auto opened = TRY(open(std::move(file), wanted));
    std::unique_ptr<AioImage> image{new AioImage{io, worker, std::move(opened)}};
    if (const int error = ::io_setup(static_cast<int>(wanted.depth), &image->context_); error < 0)
        return system_error(
            "cannot set up asynchronous I/O", -error, "raise the sysctl fs.aio-max-nr"
        );
    const int event = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (event < 0)
        return system_error("cannot make an eventfd", errno);
    image->event_.assign(event);
    image->wait();
    return image;
}

AioImage::AioImage(
    boost::asio::io_context& io, backend::Worker& worker, std::shared_ptr<Opened> opened
)
    : RawImage{io, worker, std::move(opened)}, event_{io}, retry_{io}, controls_(depth())
{
    batch_.reserve(depth());
}

AioImage::~AioImage()
{
    if (context_ != nullptr)
        ::io_destroy(context_);
}

std::size_t AioImage::hand_over(std::span<Slot* const> slots)
{
    batch_.clear();
    for (Slot* slot : slots)
        prepare(*slot);
    return push();
}

void AioImage::prepare(Slot& slot)
{
    iocb& control = controls_[number(slot)];
    const Transfer t = rest(slot);
    const auto offset = static_cast<long long>(t.offset);
    if (t.direction == Direction::flush)
        ::io_prep_fdsync(&control, file());
    else if (t.direction == Direction::read)
        ::io_prep_pread(&control, file(), t.data.data(), t.data.size(), offset);
    else
        ::io_prep_pwrite(&control, file(), t.data.data(), t.data.size(), offset);
    ::io_set_eventfd(&control, event_.native_handle());
    control.data = &slot;
    batch_.push_back(&control);
}

std::size_t AioImage::push()
{
    std::size_t sent = 0;
    while (sent < batch_.size()) {
        const int taken =
            ::io_submit(context_, static_cast<long>(batch_.size() - sent), batch_.data() + sent);
        if (taken > 0) {
            sent += static_cast<std::size_t>(taken);
        } else if (taken == -EAGAIN || taken == 0) {
            retry_later();
            break;
        } else if (taken != -EINTR) {
            // The first of the rest was refused; the others may still be good.
            ended(*static_cast<Slot*>(batch_[sent]->data), taken);
            ++sent;
            // The kernel will not announce it: wake the loop as if it did.
            ::eventfd_write(event_.native_handle(), 1);
        }
    }
    return sent;
}

void AioImage::retry_later()
{
    retry_.expires_after(kRetry);
    retry_.async_wait([this, here = alive()](boost::system::error_code ec) {
        if (!ec && *here)
            kick();
    });
}

void AioImage::wait()
{
    event_.async_wait(
        boost::asio::posix::stream_descriptor::wait_read,
        [this, here = alive()](boost::system::error_code ec) {
            if (ec || !*here)
                return;
            silence(); // before the events: none is missed
            gather();
            wait();
        }
    );
}

void AioImage::silence()
{
    eventfd_t count = 0;
    ::eventfd_read(event_.native_handle(), &count);
}

void AioImage::reap()
{
    std::array<io_event, 64> events;
    timespec now{};
    int got = 0;
    do {
        got = ::io_getevents(context_, 0, events.size(), events.data(), &now);
        for (int i = 0; i < got; ++i) {
            const io_event& event = events[static_cast<std::size_t>(i)];
            ended(*static_cast<Slot*>(event.data), static_cast<long>(event.res));
        }
    } while (got == static_cast<int>(events.size()));
}

} // namespace zocalo::blk
