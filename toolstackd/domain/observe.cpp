// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/observe.hpp"

namespace zocalo::toolstack {
namespace {

// A domain that was created but not recorded can only exist before `built` was committed.
bool may_have_strays(const Record& record)
{
    return !record.clean &&
           (record.instance.phase == Phase::starting || record.instance.phase == Phase::building ||
            record.instance.phase == Phase::ending);
}

} // namespace

boost::asio::awaitable<Observation> observe(Context& ctx, const Record& record)
{
    Observation seen;
    const Phase phase = record.instance.phase;
    if (may_have_strays(record)) {
        auto all = co_await ctx.hv.list();
        if (!all) {
            seen.trouble = all.error().what;
            co_return seen;
        }
        for (const LiveDomain& live : *all) {
            if (live.handle != record.domain.uuid)
                continue;
            if (live.domid.value == record.instance.domid)
                seen.domain = live;
            else if (live.dying || (live.paused && live.cpu_time_ns == 0))
                seen.strays.push_back(live);
            else
                seen.twin = live;
        }
    } else if (record.live() && record.instance.domid >= 0 && phase != Phase::none) {
        auto found = co_await ctx.hv.find(record.domid());
        if (found && found->handle == record.domain.uuid)
            seen.domain = *found;
        else if (!found && found.error().code != Code::not_found) {
            seen.trouble = found.error().what;
            co_return seen;
        }
    }
    seen.known = true;
    co_return seen;
}

} // namespace zocalo::toolstack
