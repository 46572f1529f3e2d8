// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/refs.hpp"

#include <algorithm>
#include <charconv>

namespace zocalo::toolstack {
namespace {

constexpr std::size_t kShortestPrefix = 4;

std::optional<std::uint16_t> as_domid(const std::string& ref)
{
    std::uint16_t n{};
    const auto [end, failure] = std::from_chars(ref.data(), ref.data() + ref.size(), n);
    if (failure != std::errc{} || end != ref.data() + ref.size())
        return std::nullopt;
    return n;
}

std::string lower(std::string text)
{
    std::ranges::transform(text, text.begin(), [](unsigned char c) {
        return static_cast<char>(std::tolower(c));
    });
    return text;
}

Target ours(const Record& record)
{
    return {record.domain.uuid, record.domain.name, &record, std::nullopt};
}

Error not_found(const std::string& ref)
{
    return Error{Code::not_found, "there is no domain \"" + ref + "\"", "see `zl list`"};
}

Answer<Target> find_foreign(Context& ctx, std::string ref, std::vector<Target> matches)
{
    auto all = co_await ctx.hv.list();
    if (!all)
        co_return all.error();
    const auto domid = as_domid(ref);
    for (const LiveDomain& live : *all) {
        if (is_ours(ctx, live))
            continue;
        const bool by_number = domid && live.domid.value == *domid;
        const bool by_uuid = !domid && ref.size() >= kShortestPrefix &&
                             rpc::text(live.handle).starts_with(lower(ref));
        auto name = co_await ctx.foreign_names.of(live);
        if (!name && !by_number && !by_uuid)
            continue;
        if (by_number || by_uuid || *name == ref)
            matches.push_back({live.handle, name.value_or(""), nullptr, live});
    }
    if (matches.empty())
        co_return not_found(ref);
    if (matches.size() > 1)
        co_return Error{
            Code::conflict, "\"" + ref + "\" means more than one domain", "give more of the uuid"};
    co_return matches.front();
}

} // namespace

bool is_ours(const Context& ctx, const LiveDomain& live)
{
    const Record* record = ctx.book.find(live.handle);
    if (record == nullptr)
        return false;
    const Phase phase = record->instance.phase;
    const bool unsure = !record->clean && (phase == Phase::starting || phase == Phase::building ||
                                           phase == Phase::ending);
    return record->instance.domid == live.domid.value || unsure;
}

Answer<Target> find_target(Context& ctx, const std::string& ref)
{
    if (ref.empty() || ref.size() > 256)
        co_return not_found(ref.substr(0, 64));
    const auto domid = as_domid(ref);
    std::vector<Target> matches;
    for (const auto& [uuid, record] : ctx.book.records()) {
        if (record.domain.name == ref || (domid && record.instance.domid == *domid))
            co_return ours(record);
        if (!domid && ref.size() >= kShortestPrefix && rpc::text(uuid).starts_with(lower(ref)))
            matches.push_back(ours(record));
    }
    if (matches.size() == 1 && ref.size() == rpc::text(matches[0].uuid).size())
        co_return matches[0];
    co_return co_await find_foreign(ctx, ref, std::move(matches));
}

} // namespace zocalo::toolstack
