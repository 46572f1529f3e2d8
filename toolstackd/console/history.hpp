// SPDX-License-Identifier: Apache-2.0
// History: the last bytes a console wrote, addressed by how many came before them since it began.
// A reader is a position in it: one that fell behind what is kept is told how much it lost. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace zocalo::toolstack {

class History {
  public:
    explicit History(std::size_t capacity) : capacity_{capacity} {}

    void append(std::string_view data);
    // Positions of the oldest byte kept and behind the newest.
    std::uint64_t begin() const { return end() - kept().size(); }
    std::uint64_t end() const { return dropped_ + data_.size(); }
    // The last `bytes`, or all there is.
    std::string_view tail(std::size_t bytes) const;

    struct Slice {
        std::uint64_t lost{}; // bytes between the position asked for and `data`
        std::string_view data;
    };
    // At most `most` bytes from `position` on.
    Slice read(std::uint64_t position, std::size_t most) const;

  private:
    std::string_view kept() const;

    std::size_t capacity_;
    std::uint64_t dropped_{};
    std::string data_; // up to twice the capacity, so that dropping costs little
};

} // namespace zocalo::toolstack
