// SPDX-License-Identifier: Apache-2.0
#include "cli/cfg/vif_spec.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace zocalo::cli::cfg {
namespace {

constexpr std::size_t kMaxSpec = 8192;

Error bad(std::string what, std::string next = {})
{
    return Error{Code::usage, "vif: " + std::move(what), std::move(next)};
}

std::string quoted(std::string_view text)
{
    return "\"" + std::string{text} + "\"";
}

// Decimal digits at the front of `text`, which must be there and fit 32 bits.
Outcome<std::uint64_t> take_number(std::string_view& text, std::string_view what)
{
    std::uint64_t n{};
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (failure == std::errc::result_out_of_range || n > std::numeric_limits<std::uint32_t>::max())
        return bad(std::string{what} + " is too large");
    if (failure != std::errc{} || n == 0)
        return bad(std::string{what} + " is not a number above 0");
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return n;
}

Outcome<std::uint32_t> number(std::string_view key, std::string_view value, std::uint32_t limit)
{
    std::uint32_t n{};
    const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), n);
    if (failure != std::errc{} || end != value.data() + value.size() || n > limit)
        return bad(
            std::string{key} + " " + quoted(value) + " is not a number of 0 … " +
            std::to_string(limit)
        );
    return n;
}

// Six bytes of one or two hexadecimal digits; written back with two.
Outcome<std::string> canonical_mac(std::string_view value)
{
    std::string mac;
    std::string_view rest = value;
    for (int i = 0; i < 6; ++i) {
        const std::size_t length = std::min(rest.find(':'), rest.size());
        const std::string_view byte = rest.substr(0, length);
        const bool hex = std::ranges::all_of(byte, [](char c) {
            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        });
        const bool last = i == 5;
        if (!hex || length == 0 || length > 2 || (length == rest.size()) != last)
            return bad("mac " + quoted(value) + " is not of the form 00:16:3e:01:02:03");
        if (length == 1)
            mac += '0';
        mac += byte;
        if (!last)
            mac += ':';
        rest.remove_prefix(std::min(length + 1, rest.size()));
    }
    return mac;
}

Outcome<std::string> checked_type(std::string_view value)
{
    if (value != "vif" && value != "ioemu")
        return bad("type " + quoted(value) + " is unknown", "use vif or ioemu");
    return std::string{value};
}

struct TextKey {
    std::string_view key;
    std::string rpc::NicConfig::*member;
};
constexpr std::array<TextKey, 8> kTextKeys{{
    {"bridge", &rpc::NicConfig::bridge},
    {"gatewaydev", &rpc::NicConfig::gatewaydev},
    {"netdev", &rpc::NicConfig::gatewaydev},
    {"model", &rpc::NicConfig::model},
    {"vifname", &rpc::NicConfig::vifname},
    {"script", &rpc::NicConfig::script},
    {"ip", &rpc::NicConfig::ip},
    {"backend", &rpc::NicConfig::backend},
}};

// Ours, of the port of the bridge and of the offloads; xl knows none of them.
struct CardFlag {
    std::string_view text;
    bool rpc::NicConfig::*member;
    bool value;
};
constexpr std::array<CardFlag, 12> kCardFlags{{
    {"isolated", &rpc::NicConfig::isolated, true},
    {"no-isolated", &rpc::NicConfig::isolated, false},
    {"learning", &rpc::NicConfig::learning, true},
    {"no-learning", &rpc::NicConfig::learning, false},
    {"flood", &rpc::NicConfig::flood, true},
    {"no-flood", &rpc::NicConfig::flood, false},
    {"sg", &rpc::NicConfig::scatter_gather, true},
    {"no-sg", &rpc::NicConfig::scatter_gather, false},
    {"gso", &rpc::NicConfig::segmentation, true},
    {"no-gso", &rpc::NicConfig::segmentation, false},
    {"csum", &rpc::NicConfig::checksums, true},
    {"no-csum", &rpc::NicConfig::checksums, false},
}};

bool known_without_effect(std::string_view key)
{
    return key == "accel" || key == "forwarddev" || key.starts_with("colo_");
}

Outcome<Unit> set_checked(rpc::NicConfig& nic, std::string_view key, std::string_view value)
{
    if (key == "mac") {
        nic.mac = TRY(canonical_mac(value));
    } else if (key == "type") {
        nic.type = TRY(checked_type(value));
    } else if (key == "rate") {
        const VifRate rate = TRY(parse_rate(value));
        nic.rate = value;
        nic.limits.bytes_per_second = rate.bytes_per_interval * 1'000'000 / rate.interval_us;
        nic.limits.bytes_burst = rate.bytes_per_interval;
    } else if (key == "devid") {
        nic.devid = TRY(number(key, value, 255));
    } else if (key == "mtu") {
        nic.mtu = TRY(number(key, value, 65535));
    } else if (key == "vlan") {
        if (value.find_first_not_of("0123456789pu/-+x") != std::string_view::npos)
            return bad("vlan " + quoted(value) + " is not of the form 10p/20/30-40u/100+10x4");
        nic.vlan = value;
    } else {
        return bad(
            "unknown argument " + quoted(key),
            "see VIFSPEC in zl.cfg(5); a comma ends each argument"
        );
    }
    return Unit{};
}

Outcome<Unit>
set_argument(rpc::NicConfig& nic, std::string_view text, std::vector<std::string>& warnings)
{
    if (text == "trusted" || text == "untrusted") {
        nic.trusted = text == "trusted";
        return Unit{};
    }
    if (const auto flag = std::ranges::find(kCardFlags, text, &CardFlag::text);
        flag != kCardFlags.end()) {
        nic.*(flag->member) = flag->value;
        return Unit{};
    }
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos)
        return bad("unknown argument " + quoted(text), "write key=value; see VIFSPEC in zl.cfg(5)");
    const std::string_view key = text.substr(0, equals);
    const std::string_view value = text.substr(equals + 1);
    if (known_without_effect(key)) {
        warnings.push_back("vif: " + std::string{key} + " has no effect");
        return Unit{};
    }
    const auto row = std::ranges::find(kTextKeys, key, &TextKey::key);
    if (row == kTextKeys.end())
        return set_checked(nic, key, value);
    if (key == "netdev")
        warnings.emplace_back("vif: netdev is an old name, write gatewaydev");
    nic.*(row->member) = value;
    return Unit{};
}

std::uint64_t unit_factor(std::string_view& text)
{
    std::uint64_t factor = 1;
    if (text.starts_with('G'))
        factor = 1'000'000'000;
    else if (text.starts_with('M'))
        factor = 1'000'000;
    else if (text.starts_with('K'))
        factor = 1'000;
    if (factor != 1)
        text.remove_prefix(1);
    return factor;
}

Outcome<std::uint32_t> parse_interval(std::string_view text)
{
    std::uint64_t us = TRY(take_number(text, "the interval of rate"));
    if (text.empty() || text == "s")
        us *= 1'000'000;
    else if (text == "ms" || text == "m")
        us *= 1'000;
    else if (text != "us" && text != "u")
        return bad("the interval of rate must end in s, ms or us");
    if (us > std::numeric_limits<std::uint32_t>::max())
        return bad("the interval of rate is too large");
    return static_cast<std::uint32_t>(us);
}

} // namespace

Outcome<VifRate> parse_rate(std::string_view text)
{
    VifRate rate;
    const std::string_view whole = text;
    const std::size_t sign = text.find('@');
    if (sign != std::string_view::npos) {
        rate.interval_us = TRY(parse_interval(text.substr(sign + 1)));
        text = text.substr(0, sign);
    }
    std::uint64_t per_second = TRY(take_number(text, "rate"));
    per_second *= unit_factor(text);
    if (text != "b/s" && text != "B/s")
        return bad(
            "rate " + quoted(whole) + " is not a bandwidth", "write it as 10Mb/s or 250KB/s@20ms"
        );
    if (text == "b/s")
        per_second /= 8;
    if (per_second > std::numeric_limits<std::uint64_t>::max() / rate.interval_us)
        return bad("rate is too large");
    rate.bytes_per_interval = per_second * rate.interval_us / 1'000'000;
    return rate;
}

Outcome<rpc::NicConfig>
parse_vif_spec(std::span<const std::string> pieces, std::vector<std::string>& warnings)
{
    rpc::NicConfig nic;
    for (const std::string& piece : pieces) {
        if (piece.size() > kMaxSpec)
            return bad("longer than 8192 characters");
        std::string_view rest = piece;
        while (!rest.empty()) {
            std::string_view argument = rest.substr(0, rest.find(','));
            rest.remove_prefix(std::min(argument.size() + 1, rest.size()));
            while (argument.starts_with(' ') || argument.starts_with('\t'))
                argument.remove_prefix(1);
            if (!argument.empty())
                TRY(set_argument(nic, argument, warnings));
        }
    }
    return nic;
}

} // namespace zocalo::cli::cfg
