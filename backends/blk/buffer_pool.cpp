// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/buffer_pool.hpp"

#include <bit>
#include <cerrno>
#include <sys/mman.h>
#include <utility>

namespace zocalo::blk {

Outcome<BufferPool> BufferPool::create(std::size_t bytes)
{
    constexpr std::size_t kTopBytes = kPageSize << kTopOrder;
    const std::size_t whole = (bytes + kTopBytes - 1) / kTopBytes * kTopBytes;
    void* at = ::mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return system_error("cannot get memory for a disk's buffers", errno);
    return BufferPool{static_cast<std::byte*>(at), whole / kPageSize};
}

BufferPool::BufferPool(std::byte* base, std::size_t pages) : base_{base}, pages_{pages}
{
    for (unsigned order = 0; order <= kTopOrder; ++order)
        free_[order].resize(((pages >> order) + 63) / 64);
    for (std::size_t block = 0; block < pages >> kTopOrder; ++block)
        set(free_[kTopOrder], block);
}

BufferPool::BufferPool(BufferPool&& other) noexcept
    : base_{std::exchange(other.base_, nullptr)}, pages_{other.pages_}, in_use_{other.in_use_},
      kept_{other.kept_},
      kept_count_{std::exchange(other.kept_count_, 0)}, free_{std::move(other.free_)}
{
}

BufferPool::~BufferPool()
{
    if (base_ != nullptr)
        ::munmap(base_, pages_ * kPageSize);
}

unsigned BufferPool::order_for(std::size_t bytes)
{
    const std::size_t pages = (bytes + kPageSize - 1) / kPageSize;
    return static_cast<unsigned>(std::bit_width(pages - 1));
}

std::span<std::byte> BufferPool::take(std::size_t bytes)
{
    const unsigned wanted = order_for(bytes);
    std::byte* at = nullptr;
    if (wanted == 0 && kept_count_ != 0)
        at = kept_[--kept_count_];
    else if (at = split(wanted); at == nullptr && kept_count_ != 0) {
        merge_kept();
        at = split(wanted);
    }
    if (at == nullptr)
        return {};
    in_use_ += std::size_t{1} << wanted;
    return {at, bytes};
}

void BufferPool::give_back(std::span<std::byte> buffer)
{
    const unsigned order = order_for(buffer.size());
    in_use_ -= std::size_t{1} << order;
    if (order == 0 && kept_count_ < kKept)
        kept_[kept_count_++] = buffer.data();
    else
        merge(buffer.data(), order);
}

// The first half of the smallest free block that is large enough; null when there is none.
std::byte* BufferPool::split(unsigned wanted)
{
    for (unsigned order = wanted; order <= kTopOrder; ++order) {
        for (std::size_t word = 0; word < free_[order].size(); ++word) {
            if (free_[order][word] == 0)
                continue;
            std::size_t block =
                word * 64 + static_cast<std::size_t>(std::countr_zero(free_[order][word]));
            clear(free_[order], block);
            for (unsigned at = order; at > wanted; --at) {
                block *= 2;
                set(free_[at - 1], block + 1);
            }
            return base_ + (block << wanted) * kPageSize;
        }
    }
    return nullptr;
}

void BufferPool::merge(std::byte* at, unsigned order)
{
    auto block = static_cast<std::size_t>(at - base_) / kPageSize >> order;
    while (order < kTopOrder && get(free_[order], block ^ 1)) {
        clear(free_[order], block ^ 1);
        block /= 2;
        ++order;
    }
    set(free_[order], block);
}

// They may be what is missing for a larger block.
void BufferPool::merge_kept()
{
    while (kept_count_ != 0)
        merge(kept_[--kept_count_], 0);
}

} // namespace zocalo::blk
