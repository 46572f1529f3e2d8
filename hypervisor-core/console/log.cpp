// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/console/log.hpp"

namespace zocalo::hv {

LogLine& LogLine::operator<<(std::string_view text)
{
    for (const char c : text) {
        if (length_ == kLogLine)
            break;
        text_[length_++] = c;
    }
    return *this;
}

LogLine& LogLine::operator<<(Hex number)
{
    constexpr unsigned kDigits = 16;
    char digits[kDigits];
    unsigned used = 0;
    do {
        digits[kDigits - ++used] = "0123456789abcdef"[number.value & 0xf];
        number.value >>= 4;
    } while (number.value != 0);
    return *this << "0x" << std::string_view{digits + kDigits - used, used};
}

LogLine& LogLine::decimal(std::uint64_t number)
{
    constexpr unsigned kDigits = 20;
    char digits[kDigits];
    unsigned used = 0;
    do {
        digits[kDigits - ++used] = static_cast<char>('0' + number % 10);
        number /= 10;
    } while (number != 0);
    return *this << std::string_view{digits + kDigits - used, used};
}

} // namespace zocalo::hv
