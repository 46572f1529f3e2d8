// SPDX-License-Identifier: Apache-2.0
// The arithmetic of virtual time, caps and warp: pure functions over entities and groups.
#pragma once

#include "hypervisor-core/sched/sched_entity.hpp"

#include <algorithm>

namespace zocalo::hv {

// Virtual time that `real` ns are for an entity; what the division leaves is kept for the next
// time.
inline VirtualTime virtual_of(SchedEntity& entity, std::uint64_t real)
{
    const std::uint64_t weight = entity.group->weight;
    const std::uint64_t rest = (real % weight) * kDefaultWeight + entity.remainder;
    entity.remainder = static_cast<std::uint32_t>(rest % weight);
    return VirtualTime{real / weight} * kDefaultWeight + VirtualTime{rest / weight};
}

// Real time in which the entity's virtual time advances by `distance`, at least 1 ns.
inline std::uint64_t real_of(const SchedEntity& entity, VirtualTime distance)
{
    constexpr VirtualTime kLongest = std::uint64_t{1} << 40; // 18 minutes: nobody waits longer
    if (distance <= 0)
        return 1;
    const auto bounded = static_cast<std::uint64_t>(std::min(distance, kLongest));
    return std::max<std::uint64_t>(bounded * entity.group->weight / kDefaultWeight, 1);
}

// What processors compare.
inline VirtualTime effective(const SchedEntity& entity)
{
    return entity.warped ? entity.actual - VirtualTime{entity.group->warp.by} : entity.actual;
}

inline void begin_warp(SchedEntity& entity, std::uint64_t now)
{
    entity.warped = entity.group->warp.by != 0 && now >= entity.unwarped_until;
    entity.warped_for = 0;
}

inline void account_warp(SchedEntity& entity, std::uint64_t elapsed, std::uint64_t now)
{
    const Warp& warp = entity.group->warp;
    if (warp.limit == 0 || !entity.warped)
        return;
    entity.warped_for += elapsed;
    if (entity.warped_for >= warp.limit) {
        entity.warped = false;
        entity.unwarped_until = now + warp.pause;
    }
}

// Starts a new period of the group's cap, if one is due.
inline void refill(SchedGroup& group, std::uint64_t period, std::uint64_t now)
{
    constexpr std::uint64_t kPercent = 100;
    constexpr std::uint64_t kEnough = 1000; // periods after which any debt is forgotten
    if (group.cap == 0 || now < group.period_start + period)
        return;
    const std::uint64_t periods = (now - group.period_start) / period;
    const auto quota = static_cast<std::int64_t>(period * group.cap / kPercent);
    group.period_start += periods * period;
    group.budget = periods >= kEnough
                       ? quota
                       : std::min(quota, group.budget + quota * static_cast<std::int64_t>(periods));
}

inline bool is_exhausted(const SchedGroup& group)
{
    return group.cap != 0 && group.budget <= 0;
}

} // namespace zocalo::hv
