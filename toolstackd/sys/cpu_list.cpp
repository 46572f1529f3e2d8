// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/cpu_list.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace zocalo::toolstack {
namespace {

struct Range {
    std::uint32_t first, last;
};

Error wrong(std::string_view item, const std::string& why)
{
    return Error{
        Code::usage,
        "cpus: '" + std::string(item) + "' " + why,
        R"(examples: "all", "0-3,^1", "nodes:0-1,^3")"};
}

std::optional<std::uint32_t> number(std::string_view text)
{
    std::uint32_t value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

std::optional<Range> range(std::string_view text)
{
    const std::size_t dash = text.find('-');
    const auto first = number(text.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : number(text.substr(dash + 1));
    if (!first || !last || *first > *last)
        return std::nullopt;
    return Range{*first, *last};
}

std::string_view trimmed(std::string_view text)
{
    while (!text.empty() && text.front() == ' ')
        text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ')
        text.remove_suffix(1);
    return text;
}

bool cut_prefix(std::string_view& text, std::string_view prefix)
{
    if (!text.starts_with(prefix))
        return false;
    text.remove_prefix(prefix.size());
    return true;
}

Outcome<Unit> apply(std::string_view item, const std::vector<std::uint32_t>& node_of, CpuSet& set)
{
    std::string_view rest = item;
    const bool remove = cut_prefix(rest, "^");
    const bool nodes = cut_prefix(rest, "nodes:") || cut_prefix(rest, "node:");
    if (rest == "all") {
        std::fill(set.begin(), set.end(), !remove);
        return Unit{};
    }
    const auto numbers = range(rest);
    if (!numbers)
        return wrong(item, "is neither a number nor a range");
    bool any = false;
    for (std::size_t cpu = 0; cpu < node_of.size(); ++cpu) {
        const auto at = nodes ? node_of[cpu] : static_cast<std::uint32_t>(cpu);
        if (at < numbers->first || at > numbers->last)
            continue;
        set[cpu] = !remove;
        any = true;
    }
    // An exclusion may name what is not there, as with xl.
    if (any || remove)
        return Unit{};
    return wrong(item, "is not on this host: it has " + std::to_string(node_of.size()) + " CPUs");
}

} // namespace

Outcome<CpuSet> parse_cpus(std::string_view text, const std::vector<std::uint32_t>& node_of)
{
    CpuSet set(node_of.size());
    const std::string_view whole = text;
    // A list that begins with an exclusion excludes from all.
    if (trimmed(text).starts_with('^'))
        set.assign(node_of.size(), true);
    while (true) {
        const std::size_t comma = text.find(',');
        TRY(apply(trimmed(text.substr(0, comma)), node_of, set));
        if (comma == std::string_view::npos)
            break;
        text.remove_prefix(comma + 1);
    }
    if (std::find(set.begin(), set.end(), true) == set.end())
        return wrong(whole, "leaves no CPU to run on");
    return set;
}

std::string format_cpus(const CpuSet& set, std::size_t cpus)
{
    std::string text;
    const std::size_t n = std::min(set.size(), cpus);
    std::size_t members = 0;
    for (std::size_t i = 0; i < n; ++i) {
        if (!set[i])
            continue;
        std::size_t last = i;
        while (last + 1 < n && set[last + 1])
            ++last;
        text += (text.empty() ? "" : ",") + std::to_string(i);
        if (last > i)
            text += "-" + std::to_string(last);
        members += last - i + 1;
        i = last;
    }
    if (members == cpus)
        return "all";
    return members == 0 ? "none" : text;
}

} // namespace zocalo::toolstack
