// SPDX-License-Identifier: Apache-2.0
// BufferPool: page-aligned bounce buffers for one disk, from one mapping of fixed size (a buddy
// system). Data of a request lies contiguous in its buffer, so that a request is one I/O, and a
// page the guest changes in flight cannot tear. Never grows: when it is empty the ring waits.
// Single pages, of which most requests are, go back and forth without being split and merged.
#pragma once

#include "common/base/address.hpp"
#include "common/error/error.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace zocalo::blk {

class BufferPool {
  public:
    // The largest buffer: 256 pages, one full indirect request.
    static constexpr unsigned kTopOrder = 8;

    // `bytes` is rounded up to whole largest buffers; memory is taken only as it is touched.
    static Outcome<BufferPool> create(std::size_t bytes);
    BufferPool(BufferPool&& other) noexcept;
    BufferPool& operator=(BufferPool&&) = delete;
    ~BufferPool();

    // At least `bytes` (> 0), cut to exactly that; empty when there is no room now.
    std::span<std::byte> take(std::size_t bytes);
    // Exactly what take() returned.
    void give_back(std::span<std::byte> buffer);

    std::size_t pages() const { return pages_; }
    std::size_t pages_in_use() const { return in_use_; }

  private:
    // Single pages kept whole: a busy ring's worth.
    static constexpr std::size_t kKept = 32;

    BufferPool(std::byte* base, std::size_t pages);
    std::byte* split(unsigned wanted);
    void merge(std::byte* at, unsigned order);
    void merge_kept();
    static unsigned order_for(std::size_t bytes);
    // Free blocks of one order: bit n is the block that starts at page n << order.
    using Bits = std::vector<std::uint64_t>;
    static bool get(const Bits& bits, std::size_t n) { return (bits[n / 64] >> (n % 64) & 1) != 0; }
    static void set(Bits& bits, std::size_t n) { bits[n / 64] |= std::uint64_t{1} << (n % 64); }
    static void clear(Bits& bits, std::size_t n)
    {
        bits[n / 64] &= ~(std::uint64_t{1} << (n % 64));
    }

    std::byte* base_;
    std::size_t pages_;
    std::size_t in_use_ = 0;
    std::array<std::byte*, kKept> kept_{};
    std::size_t kept_count_ = 0;
    std::array<Bits, kTopOrder + 1> free_;
};

} // namespace zocalo::blk
