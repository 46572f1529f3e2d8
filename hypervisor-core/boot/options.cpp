// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/boot/options.hpp"

#include <algorithm>
#include <array>

namespace zocalo::hv {
namespace {

// Options of Xen that ask for what is so anyway: accepted, so that one boot entry serves both.
constexpr std::array<std::string_view, 9> kWithoutEffect{
    "console",
    "com1",
    "loglvl",
    "guest_loglvl",
    "bootscrub",
    "sync_console",
    "tsc_mode",
    "sched",
    "placeholder", // what distributions put first in GRUB's entries for Xen
};

std::optional<std::uint64_t> parse_number(std::string_view text)
{
    if (text.empty() || text.size() > 15)
        return std::nullopt;
    std::uint64_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9')
            return std::nullopt;
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return value;
}

// dom0_mem=SIZE[,max:SIZE]; the maximum is the size, as dom0 does not grow.
bool take_dom0_mem(Options& options, std::string_view value)
{
    const auto size = parse_size(value.substr(0, value.find(',')));
    if (!size)
        return false;
    options.dom0_bytes = *size;
    return true;
}

bool take_count(unsigned& count, std::string_view value)
{
    const auto number = parse_number(value);
    if (!number || *number == 0)
        return false;
    count = static_cast<unsigned>(*number);
    return true;
}

bool take_speculation(Options& options, std::string_view value)
{
    if (value == "no")
        options.speculation = Speculation::none;
    else if (value == "bti-thunk=retpoline")
        options.speculation = Speculation::retpoline;
    else
        return value == "yes";
    return true;
}

// NAME and NAME=1 ask for it, NAME=0 does not; or in words.
bool take_flag(bool& flag, std::string_view value)
{
    constexpr std::array<std::string_view, 5> kYes{"", "1", "yes", "on", "true"};
    constexpr std::array<std::string_view, 4> kNo{"0", "no", "off", "false"};
    flag = std::find(kYes.begin(), kYes.end(), value) != kYes.end();
    return flag || std::find(kNo.begin(), kNo.end(), value) != kNo.end();
}

bool take(Options& options, std::string_view name, std::string_view value)
{
    if (name == "dom0_mem")
        return take_dom0_mem(options, value);
    if (name == "dom0_max_vcpus")
        return take_count(options.dom0_vcpus, value);
    if (name == "maxcpus")
        return take_count(options.processors, value);
    if (name == "spec-ctrl")
        return take_speculation(options, value);
    if (name == "noreboot")
        return take_flag(options.stays_down, value);
    return std::find(kWithoutEffect.begin(), kWithoutEffect.end(), name) != kWithoutEffect.end();
}

} // namespace

std::optional<std::uint64_t> parse_size(std::string_view text)
{
    constexpr std::string_view kUnits = "BKMGT";
    constexpr std::uint64_t kUnitBits = 10;
    std::size_t unit = 1; // KiB
    if (!text.empty() && kUnits.find(text.back()) != std::string_view::npos) {
        unit = kUnits.find(text.back());
        text.remove_suffix(1);
    }
    const auto number = parse_number(text);
    if (!number || (*number << (unit * kUnitBits)) >> (unit * kUnitBits) != *number)
        return std::nullopt;
    return *number << (unit * kUnitBits);
}

Options parse_options(std::string_view line)
{
    Options options;
    while (!line.empty()) {
        const std::size_t blank = std::min(line.find(' '), line.size());
        const std::string_view word = line.substr(0, blank);
        line.remove_prefix(std::min(blank + 1, line.size()));
        if (word.empty())
            continue;
        const std::size_t equals = std::min(word.find('='), word.size());
        const std::string_view value = word.substr(std::min(equals + 1, word.size()));
        if (!take(options, word.substr(0, equals), value) && options.first_unknown.empty())
            options.first_unknown = word;
    }
    return options;
}

} // namespace zocalo::hv
