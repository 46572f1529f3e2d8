// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/spoof_guard.hpp"

#include "toolstackd/sys/link.hpp"

#include <nftables/libnftables.h>

#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <memory>
#include <span>

namespace zocalo::toolstack {
namespace {

// Before the host's own chains of the family, which accept what they accept.
constexpr std::string_view kTable =
    "add table bridge zocalo\n"
    "add map bridge zocalo ports { type ifname : verdict; }\n"
    "add chain bridge zocalo guests "
    "{ type filter hook prerouting priority -250; policy accept; }\n"
    "flush chain bridge zocalo guests\n"
    "add rule bridge zocalo guests iifname vmap @ports\n";

bool is_address(const std::string& text, int family, long longest)
{
    const std::size_t slash = text.find('/');
    in6_addr room{};
    if (::inet_pton(family, text.substr(0, slash).c_str(), &room) != 1)
        return false;
    if (slash == std::string::npos)
        return true;
    long length = -1;
    const char* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data() + slash + 1, last, length);
    return error == std::errc{} && end == last && length >= 0 && length <= longest;
}

std::string set_of(const std::vector<std::string>& values, std::string more)
{
    for (const std::string& value : values)
        more += (more.empty() ? "" : ", ") + value;
    return "{ " + more + " }";
}

std::string number(std::span<const unsigned char> bytes)
{
    std::string text = "0x";
    for (const unsigned char byte : bytes) {
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
    }
    return text;
}

// The address a neighbour advertisement is about (RFC 4861, 4.4). libnftables before 1.0.8 has no
// name for it.
constexpr std::string_view kTarget = "@th,64,128";

// What an IPv6 address with or without a prefix length covers, as numbers; it has been checked.
std::string range_of(const std::string& address)
{
    const std::size_t slash = address.find('/');
    std::array<unsigned char, 16> first{}, last{};
    ::inet_pton(AF_INET6, address.substr(0, slash).c_str(), first.data());
    const long length = slash == std::string::npos ? 128 : std::stol(address.substr(slash + 1));
    for (long bit = 0; bit < 128; ++bit) {
        auto& low = first.at(static_cast<std::size_t>(bit / 8));
        auto& high = last.at(static_cast<std::size_t>(bit / 8));
        const auto mask = static_cast<unsigned char>(0x80U >> (bit % 8));
        const bool set = bit >= length || (low & mask) != 0;
        low = static_cast<unsigned char>(bit >= length ? low & ~mask : low);
        high = static_cast<unsigned char>(set ? high | mask : high);
    }
    return first == last ? number(first) : number(first) + "-" + number(last);
}

std::string chain(std::string_view link)
{
    return "bridge zocalo port-" + std::string(link);
}

std::string quoted(std::string_view link)
{
    return "\"" + std::string(link) + "\"";
}

struct FreeContext {
    void operator()(nft_ctx* context) const { nft_ctx_free(context); }
};

Outcome<Unit> run(const std::string& commands, const std::string& what)
{
    const std::unique_ptr<nft_ctx, FreeContext> context{nft_ctx_new(NFT_CTX_DEFAULT)};
    if (!context)
        return Error{Code::failed, what + ": nftables cannot be reached", {}};
    nft_ctx_buffer_output(context.get());
    nft_ctx_buffer_error(context.get());
    if (nft_run_cmd_from_buffer(context.get(), commands.c_str()) == 0)
        return Unit{};
    std::string why = nft_ctx_get_error_buffer(context.get());
    return Error{
        Code::failed,
        what + ": " + why.substr(0, why.find('\n')),
        "does the kernel have nftables for bridges (nf_tables_bridge)?"};
}

} // namespace

Outcome<SpoofGuard>
make_guard(std::string_view link, std::string_view mac, std::string_view addresses, bool tagged)
{
    // Both become part of a command.
    if (!valid_link_name(link) || link.find_first_of("\"\\{};#") != std::string_view::npos)
        return Error{
            Code::usage, "\"" + std::string(link) + "\" cannot be guarded by nftables", {}};
    SpoofGuard guard{std::string(link), std::string(mac), {}, {}, tagged};
    while (!addresses.empty()) {
        const std::size_t blank = addresses.find_first_of(" \t");
        const std::string address{addresses.substr(0, blank)};
        addresses.remove_prefix(blank == std::string_view::npos ? addresses.size() : blank + 1);
        if (address.empty())
            continue;
        if (is_address(address, AF_INET, 32))
            guard.ipv4.push_back(address);
        else if (is_address(address, AF_INET6, 128))
            guard.ipv6.push_back(address);
        else
            return Error{
                Code::usage,
                "ip: `" + address + "` is no address",
                "write IPv4 and IPv6 addresses, with blanks between them"};
    }
    return guard;
}

std::string guard_commands(const SpoofGuard& guard)
{
    std::string text{kTable};
    const std::string to = chain(guard.link);
    text += "add chain " + to + "\nflush chain " + to + "\n";
    const auto drop = [&](const std::string& match) {
        text += "add rule " + to + " " + match + " drop\n";
    };
    drop("ether saddr != " + guard.mac);
    if (!guard.tagged)
        drop("ether type { 8021q, 8021ad }");
    drop("ether type arp arp saddr ether != " + guard.mac);
    drop("ether type arp arp saddr ip != " + set_of(guard.ipv4, "0.0.0.0")); // 0: it probes
    text += "add rule " + to + " ether type ip ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept\n";
    drop("ether type ip udp sport 67");
    if (guard.ipv4.empty())
        drop("ether type ip");
    else
        drop("ether type ip ip saddr != " + set_of(guard.ipv4, ""));
    drop("ether type ip6 udp sport 547");
    drop("ether type ip6 icmpv6 type { nd-router-advert, nd-redirect }");
    std::vector<std::string> targets;
    for (const std::string& address : guard.ipv6)
        targets.push_back(range_of(address));
    drop(
        "ether type ip6 icmpv6 type nd-neighbor-advert " + std::string(kTarget) +
        " != " + set_of(targets, range_of("fe80::/10"))
    );
    drop("ether type ip6 ip6 saddr != " + set_of(guard.ipv6, "::, fe80::/10"));
    text += "add element bridge zocalo ports { " + quoted(guard.link) + " : jump port-" +
            guard.link + " }\n";
    return text;
}

// What is not there is made first, so that nothing of it can fail.
std::string unguard_commands(std::string_view link)
{
    const std::string to = chain(link);
    const std::string element = "bridge zocalo ports { " + quoted(link);
    return std::string{kTable} + "add chain " + to + "\nadd element " + element + " : jump port-" +
           std::string(link) + " }\ndelete element " + element + " }\nflush chain " + to +
           "\ndelete chain " + to + "\n";
}

Outcome<Unit> guard_port(const SpoofGuard& guard)
{
    return run(guard_commands(guard), "cannot guard " + guard.link + " against spoofing");
}

Outcome<Unit> unguard_port(std::string_view link)
{
    return run(unguard_commands(link), "cannot take the guard off " + std::string(link));
}

} // namespace zocalo::toolstack
