// SPDX-License-Identifier: Apache-2.0
// Arena: where a batch of frames lies between a tap and a guest: one for the whole process, since
// its queues take turns and each is done with its batch when its turn ends. The grant device takes
// a copy apart at each page boundary of ours, and each part costs about as much as a page: a frame
// whose bytes begin just behind its tap header costs twice. So its queue lays frames such that
// pages of the guest become pages here.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>

namespace zocalo::net {

class Arena {
  public:
    static constexpr std::size_t kPage = 4096;
    // 64 frames, each of which may begin a page of its own, and behind the last room for the
    // longest and its header.
    static constexpr std::size_t kPages = 64 + 17 + 2;

    // Memory of its own.
    Arena() : own_{static_cast<std::uint8_t*>(std::aligned_alloc(kPage, kPages * kPage))}
    {
        if (own_ == nullptr)
            throw std::bad_alloc{};
        bytes_ = {own_.get(), kPages * kPage};
        std::ranges::fill(bytes_, std::uint8_t{0});
    }
    // Over kPages pages of somebody else's, who outlives it.
    explicit Arena(std::span<std::byte> pages)
        : bytes_{reinterpret_cast<std::uint8_t*>(pages.data()), pages.size()}
    {
    }

    std::span<std::uint8_t> part(std::size_t at, std::size_t bytes) const
    {
        return bytes_.subspan(at, bytes);
    }
    std::size_t size() const { return bytes_.size(); }

    // The first place from `from` on whose byte at distance `before` begins a page.
    static constexpr std::size_t place(std::size_t from, std::size_t before)
    {
        const std::size_t into = (from + before) % kPage;
        return into == 0 ? from : from + kPage - into;
    }

  private:
    struct Free {
        void operator()(std::uint8_t* bytes) const { std::free(bytes); }
    };
    std::unique_ptr<std::uint8_t[], Free> own_;
    std::span<std::uint8_t> bytes_;
};

static_assert(
    Arena::place(0, 12) == Arena::kPage - 12 &&
    Arena::place(Arena::kPage - 12, 12) == Arena::kPage - 12
);

} // namespace zocalo::net
