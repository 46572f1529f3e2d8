// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/drive.hpp"

#include <boost/asio/post.hpp>

#include <cerrno>
#include <utility>

namespace zocalo::blk {

namespace {

// Of an empty drive: refusals are as quick as they are asked for.
constexpr std::size_t kEmptyRoom = 64;

} // namespace

Drive::Drive(boost::asio::io_context& io, std::unique_ptr<Image> medium)
    : io_{io}, medium_{std::move(medium)}
{
    listen();
}

Drive::~Drive()
{
    *alive_ = false;
}

void Drive::listen()
{
    if (medium_)
        medium_->on_completed([this](std::span<const Completion> done) { completed(done); });
}

std::size_t Drive::room() const
{
    if (waiting_)
        return 0;
    return medium_ ? medium_->room() : kEmptyRoom - refused_.size();
}

void Drive::submit(const Transfer& transfer)
{
    ++under_way_;
    if (medium_)
        return medium_->submit(transfer);
    refused_.push_back({transfer.tag, ENOMEDIUM});
}

void Drive::kick()
{
    if (medium_)
        medium_->kick();
    else if (!refused_.empty())
        refuse_later();
}

void Drive::refuse_later()
{
    boost::asio::post(io_, [this, alive = alive_] {
        if (!*alive || refused_.empty())
            return;
        const auto refused = std::exchange(refused_, {});
        completed(refused);
    });
}

void Drive::completed(std::span<const Completion> completions)
{
    under_way_ -= completions.size();
    if (waiting_ && under_way_ == 0)
        swap_later();
    if (callback_)
        callback_(completions);
}

void Drive::change(std::unique_ptr<Image> medium, std::function<void()> done)
{
    waiting_ = std::make_unique<Change>(Change{std::move(medium), std::move(done)});
    if (under_way_ == 0)
        swap_later();
}

// Not from within the medium's own callback, which would be gone before it returns.
void Drive::swap_later()
{
    boost::asio::post(io_, [this, alive = alive_] {
        if (!*alive || !waiting_ || under_way_ != 0)
            return;
        const std::unique_ptr<Change> change = std::move(waiting_);
        medium_ = std::move(change->medium);
        listen();
        if (change->done)
            change->done();
    });
}

} // namespace zocalo::blk
