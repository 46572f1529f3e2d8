// SPDX-License-Identifier: Apache-2.0
// UringImage: a raw file or block device through the process's io_uring. Only the engine: the rest
// is RawImage's. What blocks in the kernel (a file that allocates, a flush) does so in a thread of
// the kernel, where libaio keeps the whole process waiting.
#pragma once

#include "backends/blk/raw_image.hpp"
#include "backends/blk/uring.hpp"

namespace zocalo::blk {

class UringImage final : public RawImage, private Uring::Member {
  public:
    // Takes over the open image; `ring` outlives it. Errors: RawImage's.
    static Outcome<std::unique_ptr<UringImage>> create(
        boost::asio::io_context& io,
        backend::Worker& worker,
        Uring& ring,
        UniqueFd file,
        const Wanted& wanted
    );
    ~UringImage() override;

  private:
    UringImage(
        boost::asio::io_context& io,
        backend::Worker& worker,
        Uring& ring,
        std::shared_ptr<Opened> opened
    );
    std::size_t hand_over(std::span<Slot* const> slots) override;
    void reap() override;
    void silence() override { ring_.silence_if_idle(); }
    void ended(std::uint32_t tag, int result) override;
    void look() override { gather(); }

    Uring& ring_;
    Uring::Id id_;
};

} // namespace zocalo::blk
