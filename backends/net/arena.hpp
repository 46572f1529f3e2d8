// SPDX-License-Identifier: Apache-2.0
// Arena: where a batch of frames lies between a tap and a guest. The grant device takes a copy
// apart at each page boundary of ours, and each part costs about as much as a page: a frame whose
// bytes begin just behind its tap header costs twice. So its queue lays frames such that pages of
// the guest become pages here.
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

    // Whole pages.
    explicit Arena(std::size_t bytes)
        : bytes_{static_cast<std::uint8_t*>(std::aligned_alloc(kPage, bytes))}, size_{bytes}
    {
        if (bytes_ == nullptr)
            throw std::bad_alloc{};
        std::ranges::fill(all(), std::uint8_t{0});
    }

    std::span<std::uint8_t> all() const { return {bytes_.get(), size_}; }
    std::span<std::uint8_t> part(std::size_t at, std::size_t bytes) const
    {
        return all().subspan(at, bytes);
    }
    std::size_t size() const { return size_; }

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
    std::unique_ptr<std::uint8_t[], Free> bytes_;
    std::size_t size_;
};

static_assert(
    Arena::place(0, 12) == Arena::kPage - 12 &&
    Arena::place(Arena::kPage - 12, 12) == Arena::kPage - 12
);

} // namespace zocalo::net
