// SPDX-License-Identifier: Apache-2.0
// Frames built byte by byte for the tests of netback, with a checksum oracle that is written from
// the RFC's words (16 bits at a time, big endian) and shares no code with what it judges.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace zocalo::net::test {

using Frame = std::vector<std::uint8_t>;

inline void put16(Frame& frame, std::size_t value)
{
    frame.push_back(static_cast<std::uint8_t>(value >> 8));
    frame.push_back(static_cast<std::uint8_t>(value));
}
inline void store16(Frame& frame, std::size_t at, std::size_t value)
{
    frame[at] = static_cast<std::uint8_t>(value >> 8);
    frame[at + 1] = static_cast<std::uint8_t>(value);
}
inline std::uint16_t load16(std::span<const std::uint8_t> frame, std::size_t at)
{
    return static_cast<std::uint16_t>(frame[at] << 8 | frame[at + 1]);
}
inline void append(Frame& frame, std::span<const std::uint8_t> bytes)
{
    frame.insert(frame.end(), bytes.begin(), bytes.end());
}
inline Frame bytes(std::string_view text)
{
    return {text.begin(), text.end()};
}

inline Frame ethernet(std::uint16_t type)
{
    Frame frame{0x00, 0x16, 0x3e, 1, 2, 3, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff};
    put16(frame, type);
    return frame;
}

inline Frame ipv4(std::uint8_t protocol, const Frame& segment, const Frame& options = {})
{
    Frame frame = ethernet(0x0800);
    const std::size_t header = 20 + options.size();
    frame.push_back(static_cast<std::uint8_t>(0x40 | header / 4));
    frame.push_back(0);
    put16(frame, header + segment.size());
    append(frame, Frame{0x12, 0x34, 0x40, 0x00, 64, protocol, 0, 0});
    append(frame, Frame{192, 168, 7, 1, 192, 168, 7, 250});
    append(frame, options);
    append(frame, segment);
    return frame;
}

inline Frame ipv6(std::uint8_t next, const Frame& payload)
{
    Frame frame = ethernet(0x86dd);
    append(frame, Frame{0x60, 0, 0, 0});
    put16(frame, payload.size());
    append(frame, Frame{next, 64});
    append(frame, Frame{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 2, 0x16, 0x3e, 0xff, 0xfe, 1, 2, 3});
    append(frame, Frame{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 1});
    append(frame, payload);
    return frame;
}

inline Frame tcp(const Frame& payload, const Frame& options = {})
{
    Frame segment;
    put16(segment, 40000);
    put16(segment, 443);
    append(segment, Frame{0, 0, 0, 1, 0, 0, 0, 2});
    segment.push_back(static_cast<std::uint8_t>((20 + options.size()) / 4 << 4));
    segment.push_back(0x18);
    put16(segment, 512);
    append(segment, Frame{0, 0, 0, 0});
    append(segment, options);
    append(segment, payload);
    return segment;
}

inline Frame udp(const Frame& payload)
{
    Frame segment;
    put16(segment, 53);
    put16(segment, 5353);
    put16(segment, 8 + payload.size());
    put16(segment, 0);
    append(segment, payload);
    return segment;
}

// The checksum that belongs into the field at `field`, for a segment starting at `start` of a frame
// whose addresses are at `addresses` (`address_bytes` in all).
inline std::uint16_t right_checksum(
    const Frame& frame,
    std::size_t addresses,
    std::size_t address_bytes,
    std::uint8_t protocol,
    std::size_t start,
    std::size_t field
)
{
    std::uint32_t sum = protocol + static_cast<std::uint32_t>(frame.size() - start);
    const auto add = [&sum](std::uint32_t high, std::uint32_t low) { sum += high << 8 | low; };
    for (std::size_t i = 0; i < address_bytes; i += 2)
        add(frame[addresses + i], frame[addresses + i + 1]);
    for (std::size_t i = start; i < frame.size(); i += 2)
        if (i != field)
            add(frame[i], i + 1 < frame.size() ? frame[i + 1] : 0u);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    const auto checksum = static_cast<std::uint16_t>(~sum);
    return checksum == 0 ? std::uint16_t{0xffff} : checksum;
}

} // namespace zocalo::net::test
