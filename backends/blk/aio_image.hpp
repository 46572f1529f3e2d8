// SPDX-License-Identifier: Apache-2.0
// AioImage: a raw file or block device through Linux's native asynchronous I/O (libaio), with an
// eventfd that the event loop waits on. Only the engine: the rest is RawImage's.
#pragma once

#include "backends/blk/bell.hpp"
#include "backends/blk/raw_image.hpp"

#include <libaio.h>

namespace zocalo::blk {

class AioImage final : public RawImage {
  public:
    // Takes over the open image. Errors: RawImage's, and those of a kernel that gives no context.
    static Outcome<std::unique_ptr<AioImage>> create(
        boost::asio::io_context& io, backend::Worker& worker, UniqueFd file, const Wanted& wanted
    );
    ~AioImage() override;

  private:
    AioImage(boost::asio::io_context& io, backend::Worker& worker, std::shared_ptr<Opened> opened);
    std::size_t hand_over(std::span<Slot* const> slots) override;
    void reap() override;
    void silence() override { bell_.silence(); }
    void prepare(Slot& slot);
    std::size_t push();

    io_context_t context_ = nullptr;
    Bell bell_;
    std::vector<iocb> controls_; // what libaio knows the slot of the same number by
    std::vector<iocb*> batch_;
};

} // namespace zocalo::blk
