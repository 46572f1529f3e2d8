// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/raw_image.hpp"

#include <boost/asio/post.hpp>

#include <cerrno>
#include <utility>

namespace zocalo::blk {

Outcome<std::shared_ptr<RawImage::Opened>> RawImage::open(UniqueFd file, const Wanted& wanted)
{
    Medium medium = TRY(examine(file.get(), wanted.sector_size));
    if (!wanted.read_only && !medium.writable)
        return Error{
            Code::denied, "the image is open for reading only, but the disk is writable", {}};
    return std::make_shared<Opened>(Opened{
        std::move(file), std::move(medium), wanted.read_only, wanted.depth});
}

RawImage::RawImage(
    boost::asio::io_context& io, backend::Worker& worker, std::shared_ptr<Opened> opened
)
    : io_{io}, worker_{worker}, opened_{std::move(opened)}, slots_(opened_->depth)
{
    for (Slot& slot : slots_)
        unused_.push_back(&slot);
    prepared_.reserve(slots_.size());
    completed_.reserve(slots_.size());
    delivering_.reserve(slots_.size());
}

RawImage::~RawImage()
{
    *alive_ = false;
}

std::uint64_t RawImage::sectors() const
{
    return opened_->medium.bytes / 512;
}
bool RawImage::writable() const
{
    return !opened_->read_only;
}
std::uint32_t RawImage::physical_block() const
{
    return opened_->medium.physical_block;
}
std::uint32_t RawImage::discard_granularity() const
{
    return opened_->medium.discard_granularity;
}
bool RawImage::discards_securely() const
{
    return opened_->medium.discards_securely;
}
void RawImage::measure()
{
    if (const auto bytes = size_of(file()))
        opened_->medium.bytes = *bytes;
}
const std::string& RawImage::note() const
{
    return opened_->medium.note;
}

void RawImage::submit(const Transfer& transfer)
{
    Slot& slot = *unused_.back();
    unused_.pop_back();
    slot = {transfer, 0};
    if (transfer.direction == Direction::discard || transfer.direction == Direction::secure_discard)
        discard(slot);
    else
        prepared_.push_back(&slot);
}

void RawImage::kick()
{
    if (prepared_.empty())
        return;
    const std::size_t taken = hand_over(prepared_);
    prepared_.erase(prepared_.begin(), prepared_.begin() + static_cast<std::ptrdiff_t>(taken));
}

void RawImage::collect()
{
    if (collecting_ || unused_.size() == slots_.size())
        return;
    gather();
    if (unused_.size() == slots_.size())
        silence();
}

void RawImage::gather()
{
    if (std::exchange(collecting_, true))
        return;
    reap();
    kick(); // rests of short transfers, or what there was no room for
    announce();
    collecting_ = false;
}

Transfer RawImage::rest(const Slot& slot) const
{
    Transfer left = slot.transfer;
    left.tag = static_cast<std::uint32_t>(number(slot));
    left.offset += slot.done;
    left.data = left.data.subspan(slot.done);
    return left;
}

std::size_t RawImage::number(const Slot& slot) const
{
    return static_cast<std::size_t>(&slot - slots_.data());
}

void RawImage::ended(Slot& slot, long result)
{
    if (result < 0)
        return finish(slot, static_cast<int>(-result));
    slot.done += static_cast<std::size_t>(result);
    if (slot.transfer.direction == Direction::flush || slot.done >= slot.transfer.data.size())
        return finish(slot, 0);
    // Zero bytes: the image ends inside the transfer, it was cut below us.
    if (result == 0)
        return finish(slot, EIO);
    prepared_.push_back(&slot);
}

void RawImage::finish(Slot& slot, int error)
{
    completed_.push_back({slot.transfer.tag, error});
    unused_.push_back(&slot);
}

// Beside the data path: it blocks.
void RawImage::discard(Slot& slot)
{
    worker_.run([this, alive = alive_, opened = opened_, &io = io_, &slot, t = slot.transfer] {
        const bool secure = t.direction == Direction::secure_discard;
        const int error =
            blk::discard(opened->file.get(), opened->medium, t.offset, t.length, secure);
        boost::asio::post(io, [this, alive, opened, &slot, error] {
            if (!*alive)
                return;
            finish(slot, error);
            announce();
        });
    });
}

void RawImage::announce()
{
    if (completed_.empty())
        return;
    delivering_.clear();
    delivering_.swap(completed_); // the callback submits, and a refused transfer completes at once
    const bool outer = std::exchange(collecting_, true); // what is being delivered stays
    if (callback_)
        callback_(delivering_);
    collecting_ = outer;
}

} // namespace zocalo::blk
