// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/x86_64/drivers/real_time_clock.hpp"

#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"

namespace zocalo::hv {
namespace {

// MC146818 registers.
constexpr std::uint16_t kIndex = 0x70;
constexpr std::uint16_t kData = 0x71;
constexpr std::uint8_t kSeconds = 0, kMinutes = 2, kHours = 4, kDay = 7, kMonth = 8, kYear = 9;
constexpr std::uint8_t kStatusA = 10, kStatusB = 11;
constexpr std::uint8_t kUpdating = 0x80, kBinary = 4;

std::uint8_t read(std::uint8_t index)
{
    x86::out8(kIndex, index);
    return x86::in8(kData);
}

// Days since 1970-01-01 in the proleptic Gregorian calendar, years counted from March.
std::uint64_t days_since_epoch(unsigned year, unsigned month, unsigned day)
{
    const unsigned shifted_year = month <= 2 ? year - 1 : year;
    const unsigned shifted_month = month <= 2 ? month + 9 : month - 3;
    const std::uint64_t days = std::uint64_t{365} * shifted_year + shifted_year / 4 -
                               shifted_year / 100 + shifted_year / 400 +
                               (153 * shifted_month + 2) / 5 + day - 1;
    constexpr std::uint64_t kMarchYear0ToEpoch = 719468;
    return days - kMarchYear0ToEpoch;
}

} // namespace

std::uint64_t read_real_time_clock()
{
    constexpr unsigned kPatience = 100000;
    for (unsigned i = 0; i < kPatience && (read(kStatusA) & kUpdating) != 0; ++i)
        x86::pause();
    const bool binary = (read(kStatusB) & kBinary) != 0;
    const auto number = [binary](std::uint8_t index) -> unsigned {
        const unsigned raw = read(index);
        return binary ? raw : (raw >> 4) * 10 + (raw & 15);
    };
    const unsigned year = 2000 + number(kYear);
    const std::uint64_t days = days_since_epoch(year, number(kMonth), number(kDay));
    return ((days * 24 + number(kHours)) * 60 + number(kMinutes)) * 60 + number(kSeconds);
}

} // namespace zocalo::hv
