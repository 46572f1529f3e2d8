// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/uring_image.hpp"

#include <utility>

namespace zocalo::blk {

Outcome<std::unique_ptr<UringImage>> UringImage::create(
    boost::asio::io_context& io,
    backend::Worker& worker,
    Uring& ring,
    UniqueFd file,
    const Wanted& wanted
)
{
    auto opened = TRY(open(std::move(file), wanted));
    return std::unique_ptr<UringImage>{new UringImage{io, worker, ring, std::move(opened)}};
}

UringImage::UringImage(
    boost::asio::io_context& io,
    backend::Worker& worker,
    Uring& ring,
    std::shared_ptr<Opened> opened
)
    : RawImage{io, worker, std::move(opened)}, ring_{ring}, id_{ring.join(*this)}
{
}

UringImage::~UringImage()
{
    ring_.leave(id_);
}

std::size_t UringImage::hand_over(std::span<Slot* const> slots)
{
    std::size_t taken = 0;
    while (taken < slots.size() && ring_.add(id_, file(), rest(*slots[taken])))
        ++taken;
    ring_.submit();
    return taken;
}

// Ends of other images are noted there; the eventfd stays up, and the loop has them look.
void UringImage::reap()
{
    ring_.reap();
    ring_.looked(id_);
}

void UringImage::ended(std::uint32_t tag, int result)
{
    RawImage::ended(slot(tag), result);
}

} // namespace zocalo::blk
