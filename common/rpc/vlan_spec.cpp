// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/vlan_spec.hpp"

#include <charconv>
#include <string>
#include <utility>

namespace zocalo::rpc {
namespace {

constexpr unsigned kMost = 4094; // 4095 is reserved, 0 is no VLAN

Error bad(std::string_view piece, const char* why)
{
    return Error{
        Code::usage,
        "vlan: `" + std::string(piece) + "` " + why,
        "write it as 10p/20/30-40u/100+10x4, with numbers from 1 to 4094"};
}

bool take_number(std::string_view& text, unsigned& value)
{
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || value == 0 || value > kMost)
        return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
}

bool take(std::string_view& text, char c)
{
    if (!text.starts_with(c))
        return false;
    text.remove_prefix(1);
    return true;
}

Outcome<Unit> add_piece(std::string_view piece, std::vector<VlanRange>& ranges)
{
    std::string_view text = piece;
    unsigned first = 0, last = 0, offset = 1, count = 1;
    if (!take_number(text, first))
        return bad(piece, "does not begin with a VLAN's number");
    last = first;
    if (take(text, '-')) {
        if (!take_number(text, last) || last < first)
            return bad(piece, "is no range");
    } else if (take(text, '+')) {
        if (!take_number(text, offset) || !take(text, 'x') || !take_number(text, count) ||
            first + std::uint64_t{offset} * (count - 1) > kMost)
            return bad(piece, "does not say how many at which distance");
    }
    const bool pvid = take(text, 'p');
    const bool untagged = take(text, 'u') || pvid;
    if (!text.empty())
        return bad(piece, "has something behind its end");
    if (pvid && (first != last || count != 1))
        return bad(piece, "makes more than one VLAN the one of untagged frames");
    for (unsigned i = 0; i < count; ++i) {
        const unsigned shift = i * offset;
        ranges.push_back(
            {static_cast<std::uint16_t>(first + shift),
             static_cast<std::uint16_t>(last + shift),
             pvid,
             untagged}
        );
    }
    return Unit{};
}

} // namespace

Outcome<std::vector<VlanRange>> parse_vlans(std::string_view text)
{
    std::vector<VlanRange> ranges;
    bool pvid = false;
    while (true) {
        const std::size_t slash = text.find('/');
        TRY(add_piece(text.substr(0, slash), ranges));
        if (ranges.back().pvid && std::exchange(pvid, true))
            return bad(text.substr(0, slash), "is a second VLAN of untagged frames");
        if (ranges.size() > kMost)
            return bad(text, "names more VLANs than there are");
        if (slash == std::string_view::npos)
            return ranges;
        text.remove_prefix(slash + 1);
    }
}

} // namespace zocalo::rpc
