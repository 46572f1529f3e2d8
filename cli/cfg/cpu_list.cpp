// SPDX-License-Identifier: Apache-2.0
#include "cli/cfg/cpu_list.hpp"

#include <algorithm>
#include <charconv>
#include <string>

namespace zocalo::cli::cfg {
namespace {

constexpr unsigned kMaxCpu = 4095;

Error bad(std::string_view piece, std::string why)
{
    return Error{
        Code::usage,
        "CPU list: \"" + std::string{piece} + "\" " + std::move(why),
        "use all, 0-3,^1 or nodes:0-1,^node:1"};
}

bool take_number(std::string_view& text, unsigned& n)
{
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (failure != std::errc{} || n > kMaxCpu)
        return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
}

bool take(std::string_view& text, std::string_view prefix)
{
    if (!text.starts_with(prefix))
        return false;
    text.remove_prefix(prefix.size());
    return true;
}

Outcome<Unit> check_piece(std::string_view piece)
{
    std::string_view rest = piece;
    const bool negated = take(rest, "^");
    if (!take(rest, "nodes:"))
        take(rest, "node:");
    if (rest == "all") {
        if (negated)
            return bad(piece, "takes everything away");
        return Unit{};
    }
    unsigned first{};
    if (!take_number(rest, first))
        return bad(piece, "is not a CPU number of 0 … 4095");
    unsigned last = first;
    if (take(rest, "-") && !take_number(rest, last))
        return bad(piece, "is not a range");
    if (!rest.empty() || last < first)
        return bad(piece, "is not a range");
    return Unit{};
}

} // namespace

Outcome<Unit> check_cpu_list(std::string_view text)
{
    if (text.size() > 4096)
        return bad("…", "is longer than 4096 characters");
    do {
        const std::string_view piece = text.substr(0, text.find(','));
        text.remove_prefix(std::min(piece.size() + 1, text.size()));
        TRY(check_piece(piece));
    } while (!text.empty());
    return Unit{};
}

} // namespace zocalo::cli::cfg
