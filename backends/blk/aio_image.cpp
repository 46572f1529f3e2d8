// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/aio_image.hpp"

#include "backends/blk/aio_ring.hpp"

#include <array>
#include <cerrno>
#include <utility>

namespace zocalo::blk {

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
    TRY(image->bell_.open([raw = image.get()] { raw->gather(); }));
    return image;
}

AioImage::AioImage(
    boost::asio::io_context& io, backend::Worker& worker, std::shared_ptr<Opened> opened
)
    : RawImage{io, worker, std::move(opened)}, bell_{io}, controls_(depth())
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
    ::io_set_eventfd(&control, bell_.fd());
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
            bell_.retry([this] { kick(); });
            break;
        } else if (taken != -EINTR) {
            // The first of the rest was refused; the others may still be good.
            ended(*static_cast<Slot*>(batch_[sent]->data), taken);
            ++sent;
            bell_.ring();
        }
    }
    return sent;
}

void AioImage::reap()
{
    std::array<io_event, 64> events;
    std::size_t got = 0;
    do {
        got = take_ended(context_, events);
        for (const io_event& event : std::span{events}.first(got))
            ended(*static_cast<Slot*>(event.data), static_cast<long>(event.res));
    } while (got == events.size());
}

} // namespace zocalo::blk
