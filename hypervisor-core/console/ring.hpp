// SPDX-License-Identifier: Apache-2.0
// ConsoleRing: the last of what was written to the console, for `xl dmesg`. Positions count all
// characters ever written; the ring keeps the newest kSize of them. It knows nothing of who reads.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace zocalo::hv {

class ConsoleRing {
  public:
    static constexpr std::uint64_t kSize = 32768;

    void append(std::string_view text)
    {
        for (const char c : text)
            text_[end_++ % kSize] = c;
    }
    // The oldest position that is kept, and the next to be written.
    std::uint64_t begin() const { return end_ - cleared_ > kSize ? end_ - kSize : cleared_; }
    std::uint64_t end() const { return end_; }
    // Only from begin() to below end().
    char at(std::uint64_t position) const { return text_[position % kSize]; }
    // Forgets all there is.
    void clear() { cleared_ = end_; }

  private:
    std::array<char, kSize> text_{};
    std::uint64_t end_{};
    std::uint64_t cleared_{};
};

} // namespace zocalo::hv
