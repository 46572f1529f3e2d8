// SPDX-License-Identifier: Apache-2.0
// ByteView: little-endian reads out of hostile bytes, each checked against the end. The kernel file
// parsers use nothing else to look at a file, so none of them can read outside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace zocalo::xen {

class ByteView {
  public:
    explicit ByteView(std::span<const std::byte> bytes) : bytes_{bytes} {}

    std::uint64_t size() const { return bytes_.size(); }

    // True when `length` bytes from `offset` lie inside; never wraps.
    bool contains(std::uint64_t offset, std::uint64_t length) const
    {
        return offset <= size() && length <= size() - offset;
    }

    // The sub-range, or nothing when it is not inside.
    std::optional<ByteView> slice(std::uint64_t offset, std::uint64_t length) const
    {
        if (!contains(offset, length))
            return std::nullopt;
        return ByteView{bytes_.subspan(offset, length)};
    }

    // A little-endian number of `width` (1 to 8) bytes.
    std::optional<std::uint64_t> number(std::uint64_t offset, unsigned width) const
    {
        if (width > 8 || !contains(offset, width))
            return std::nullopt;
        std::uint64_t value = 0;
        for (unsigned i = width; i-- > 0;)
            value = (value << 8) | std::to_integer<std::uint64_t>(bytes_[offset + i]);
        return value;
    }

    // True when the bytes at `offset` are exactly the characters of `text` (its NUL not included).
    template <std::size_t N> bool has_text(std::uint64_t offset, const char (&text)[N]) const
    {
        if (!contains(offset, N - 1))
            return false;
        for (std::size_t i = 0; i < N - 1; ++i)
            if (std::to_integer<unsigned char>(bytes_[offset + i]) !=
                static_cast<unsigned char>(text[i]))
                return false;
        return true;
    }

    std::span<const std::byte> bytes() const { return bytes_; }

  private:
    std::span<const std::byte> bytes_;
};

} // namespace zocalo::xen
