// SPDX-License-Identifier: Apache-2.0
// Log lines of the hypervisor: log("dom0: ", pages, " pages at ", hex(address)). One call is one
// line on the serial console. No formats, no allocation; a line longer than kLogLine is cut.
#pragma once

#include "hypervisor-core/hal/console.hpp"

#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>

namespace zocalo::hv {

inline constexpr std::size_t kLogLine = 256;

struct Hex {
    std::uint64_t value;
};
constexpr Hex hex(std::uint64_t value)
{
    return {value};
}

class LogLine {
  public:
    LogLine& operator<<(std::string_view text);
    LogLine& operator<<(const char* text) { return *this << std::string_view{text}; }
    LogLine& operator<<(Hex number);
    LogLine& operator<<(std::integral auto number)
    {
        if (std::signed_integral<decltype(number)> && number < 0) {
            *this << std::string_view{"-"};
            return decimal(~static_cast<std::uint64_t>(number) + 1);
        }
        return decimal(static_cast<std::uint64_t>(number));
    }
    std::string_view text() const { return {text_, length_}; }

  private:
    LogLine& decimal(std::uint64_t number);

    char text_[kLogLine];
    std::size_t length_{};
};

template <class... Parts> void log(const Parts&... parts)
{
    LogLine line;
    line << "(zocalo) ";
    ((line << parts), ...);
    line << "\n";
    hal::write_console(line.text());
}

template <class... Parts> [[noreturn]] void panic(const Parts&... parts)
{
    LogLine line;
    ((line << parts), ...);
    hal::panic(line.text());
}

} // namespace zocalo::hv
