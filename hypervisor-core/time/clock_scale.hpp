// SPDX-License-Identifier: Apache-2.0
// ClockScale: time stamp counter ticks to nanoseconds, in the form guests are given (xen/xen.h,
// vcpu_time_info): ns = ((ticks << shift) * multiplier) >> 32, a negative shift going right.
#pragma once

#include <cstdint>

namespace zocalo::hv {

struct ClockScale {
    std::uint32_t multiplier{};
    std::int8_t shift{};

    static constexpr ClockScale from_frequency(std::uint64_t hertz)
    {
        constexpr std::uint64_t kSecond = 1'000'000'000;
        ClockScale scale;
        // Bring the frequency into (1 GHz, 2 GHz], so that the multiplier uses all its bits.
        while (hertz > 2 * kSecond) {
            hertz >>= 1;
            --scale.shift;
        }
        while (hertz <= kSecond) {
            hertz <<= 1;
            ++scale.shift;
        }
        scale.multiplier = static_cast<std::uint32_t>((kSecond << 32) / hertz);
        return scale;
    }

    constexpr std::uint64_t to_ns(std::uint64_t ticks) const
    {
        const std::uint64_t shifted = shift >= 0 ? ticks << shift : ticks >> -shift;
        // 96-bit product in two halves.
        const std::uint64_t low = (shifted & 0xffffffff) * multiplier;
        const std::uint64_t high = (shifted >> 32) * multiplier;
        return high + (low >> 32);
    }
};

} // namespace zocalo::hv
