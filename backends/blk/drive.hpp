// SPDX-License-Identifier: Apache-2.0
// Drive: an Image whose medium can be taken out and another put in while a guest has the disk. The
// queues see one image; what is under way ends before the medium goes. Without a medium it has no
// sectors, and what is asked of it fails.
#pragma once

#include "backends/blk/image.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <vector>

namespace zocalo::blk {

class Drive final : public Image {
  public:
    // `medium` may be null.
    Drive(boost::asio::io_context& io, std::unique_ptr<Image> medium);
    ~Drive() override;

    // From now on there is no room(); once nothing is under way the medium is changed and `done` is
    // called from the event loop. A change that waits is replaced by the next one.
    void change(std::unique_ptr<Image> medium, std::function<void()> done);
    bool empty() const { return medium_ == nullptr; }

    std::uint64_t sectors() const override { return medium_ ? medium_->sectors() : 0; }
    bool writable() const override { return medium_ && medium_->writable(); }
    std::uint32_t physical_block() const override
    {
        return medium_ ? medium_->physical_block() : 512;
    }
    std::uint32_t discard_granularity() const override
    {
        return medium_ ? medium_->discard_granularity() : 0;
    }
    bool discards_securely() const override { return medium_ && medium_->discards_securely(); }
    void measure() override
    {
        if (medium_)
            medium_->measure();
    }
    std::size_t room() const override;
    void submit(const Transfer& transfer) override;
    void kick() override;
    void collect() override
    {
        if (medium_)
            medium_->collect();
    }
    void on_completed(OnCompleted callback) override { callback_ = std::move(callback); }

  private:
    struct Change {
        std::unique_ptr<Image> medium;
        std::function<void()> done;
    };

    void listen();
    void completed(std::span<const Completion> completions);
    void refuse_later();
    void swap_later();

    boost::asio::io_context& io_;
    std::unique_ptr<Image> medium_;
    std::unique_ptr<Change> waiting_;
    std::vector<Completion> refused_; // asked of an empty drive
    std::size_t under_way_{0};
    OnCompleted callback_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace zocalo::blk
