// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/autostart.hpp"

#include <algorithm>
#include <set>

namespace zocalo::toolstack {
namespace {

using Records = std::map<rpc::Uuid, Record>;

const Record* find(const Records& records, const std::string& name_or_uuid)
{
    for (const auto& [uuid, record] : records)
        if (record.domain.name == name_or_uuid || rpc::text(uuid) == name_or_uuid)
            return &record;
    return nullptr;
}

enum class Dependency { runs, comes, never };

Dependency state_of(const Record* record)
{
    if (record == nullptr)
        return Dependency::never;
    switch (record->instance.phase) {
    case Phase::running:
        return Dependency::runs;
    case Phase::queued:
    case Phase::starting:
    case Phase::building:
    case Phase::built:
        return Dependency::comes;
    default:
        return Dependency::never;
    }
}

std::optional<std::string> why_never(const Records& records, const Record& record)
{
    for (const std::string& name : record.domain.config.autostart.depends)
        if (state_of(find(records, name)) == Dependency::never)
            return "autostart: it depends on " + name + ", which does not run";
    return std::nullopt;
}

bool dependencies_run(const Records& records, const Record& record)
{
    return std::ranges::all_of(record.domain.config.autostart.depends, [&](const auto& name) {
        return state_of(find(records, name)) == Dependency::runs;
    });
}

// Follows dependencies among those that wait; true when they lead back to `record`.
bool in_circle(const Records& records, const Record& record)
{
    std::set<const Record*> seen;
    std::vector<const Record*> todo{&record};
    while (!todo.empty()) {
        const Record* at = todo.back();
        todo.pop_back();
        for (const std::string& name : at->domain.config.autostart.depends) {
            const Record* next = find(records, name);
            if (next == &record)
                return true;
            if (next && next->instance.phase == Phase::queued && seen.insert(next).second)
                todo.push_back(next);
        }
    }
    return false;
}

} // namespace

Turns next_turns(const Records& records, std::int64_t now_ms)
{
    std::vector<const Record*> all;
    for (const auto& [uuid, record] : records)
        if (record.domain.config.autostart.enabled)
            all.push_back(&record);
    std::ranges::sort(all, [](const Record* a, const Record* b) {
        const auto key = [](const Record* r) {
            return std::pair(r->domain.config.autostart.order, r->domain.name);
        };
        return key(a) < key(b);
    });
    Turns turns;
    for (const Record* record : all) {
        const Phase phase = record->instance.phase;
        if (phase == Phase::queued) {
            if (record->turn)
                return turns;
            if (in_circle(records, *record)) {
                turns.never.emplace_back(
                    record->domain.uuid, "autostart: its dependencies form a circle"
                );
                continue;
            }
            if (auto why = why_never(records, *record)) {
                turns.never.emplace_back(record->domain.uuid, *why);
                continue;
            }
            if (!dependencies_run(records, *record))
                continue; // what it depends on may have a higher order
            turns.go.push_back(record->domain.uuid);
            return turns; // one at a time
        }
        if (phase == Phase::starting || phase == Phase::building || phase == Phase::built)
            return turns;
        const std::int64_t end =
            record->instance.started_ms +
            static_cast<std::int64_t>(record->domain.config.autostart.delay_s) * 1000;
        if (phase == Phase::running && end > now_ms) {
            turns.wake_ms = end;
            return turns;
        }
    }
    return turns;
}

} // namespace zocalo::toolstack
