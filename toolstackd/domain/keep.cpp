// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/keep.hpp"

#include "toolstackd/domain/dump.hpp"
#include "toolstackd/domain/tree.hpp"
#include "toolstackd/sys/failpoint.hpp"

#include <algorithm>

namespace zocalo::toolstack {
namespace {

constexpr std::size_t kLongestName = 128; // as common/rpc allows

// Whether the ended domain is still there, under either of its uuids.
Answer<std::optional<LiveDomain>> find_ended(Context& ctx, const Record& record)
{
    auto live = co_await ctx.hv.find(record.domid());
    if (!live && live.error().code != Code::not_found)
        co_return live.error();
    const bool ours =
        live && (live->handle == record.domain.uuid || live->handle == kept_uuid(record));
    if (!ours || live->dying)
        co_return std::optional<LiveDomain>{};
    co_return std::optional<LiveDomain>{*live};
}

// Its backends end before the next instance opens the same disks: nothing of the old guest can be
// written any more, although its memory stays.
Answer<Unit> free_devices(Context& ctx, const Record& record)
{
    ctx.consoles.close(record.domain.uuid, "the domain has ended and is kept");
    failpoint("devices.release_all:before");
    auto freed = co_await ctx.devices.release_all(record.domain.uuid, record.domid());
    failpoint("devices.release_all:after");
    co_return freed;
}

Answer<Unit> move_nodes(Context& ctx, const Record& record)
{
    const DeviceOwner owner = record.owner();
    std::vector<StoreChange> changes;
    for (const DeviceRow& row : record.devices)
        std::ranges::move(
            ctx.devices.nodes_to_remove(owner, key_of(row)), std::back_inserter(changes)
        );
    auto moved =
        kept_nodes(record.domain.uuid, kept_uuid(record), record.domid(), kept_name(record));
    std::ranges::move(moved, std::back_inserter(changes));
    std::vector<StoreGuard> guards{owner_guard(record.domain.uuid, record.domid())};
    failpoint("store.keep:before");
    auto written = co_await ctx.store.commit(std::move(changes), std::move(guards));
    failpoint("store.keep:after");
    if (!written && written.error().code == Code::conflict)
        co_return Unit{}; // moved before a kill, or somebody removed them
    co_return written;
}

Answer<Unit> commit_kept(Context& ctx, Record& record)
{
    Batch batch;
    DomainRow kept = record.domain;
    kept.uuid = kept_uuid(record);
    kept.name = kept.config.name = kept_name(record);
    kept.config.uuid = rpc::text(kept.uuid);
    kept.config.disks.clear();
    kept.config.nics.clear();
    kept.config.autostart = {};
    kept.managed = false;
    kept.desired = Desired::stopped;
    kept.reason = "kept by rename-restart of " + record.domain.name + " after its " +
                  record.instance.last_exit;
    InstanceRow there = record.instance;
    there.uuid = kept.uuid;
    there.phase = Phase::preserved;
    there.after_end = AfterEnd::stop;
    there.console_frame = there.store_frame = 0; // nobody serves them
    InstanceRow next = record.instance;
    next.domid = -1;
    next.after_end = AfterEnd::restart;
    boost::json::object body{
        {"name", kept.name}, {"uuid", rpc::text(kept.uuid)}, {"domid", there.domid}};
    batch.events.push_back(event_of(ctx, record, "domain.kept", std::move(body)));
    batch.domains.push_back(kept);
    batch.instances = {std::move(next), std::move(there)};
    for (const DeviceRow& row : record.devices)
        batch.dropped_devices.push_back(ref_of(row));
    auto written = co_await ctx.commit_for_this_boot(std::move(batch));
    if (!written)
        co_return written.error();
    record.released = true;
    ctx.take_up(kept.uuid);
    co_return Unit{};
}

} // namespace

rpc::Uuid kept_uuid(const Record& record)
{
    rpc::Uuid uuid = record.domain.uuid;
    std::uint64_t mix = record.instance.boot_seq * 0x9e3779b97f4a7c15ULL;
    for (std::size_t i = 8; i < uuid.bytes.size(); ++i, mix >>= 8U)
        uuid.bytes[i] ^= static_cast<std::uint8_t>(mix);
    return uuid;
}

std::string kept_name(const Record& record)
{
    const std::string tail =
        "-" + std::to_string(record.instance.boot_seq) + "-" + utc_stamp(record.instance.exit_ms);
    return record.domain.name.substr(0, kLongestName - tail.size()) + tail;
}

Answer<Unit> keep(Context& ctx, Record& record)
{
    auto there = co_await find_ended(ctx, record);
    if (!there)
        co_return there.error();
    if (!*there) { // nothing to keep: an ordinary restart
        record.instance.after_end = AfterEnd::restart;
        co_return Unit{};
    }
    auto freed = co_await free_devices(ctx, record);
    if (!freed)
        co_return freed.error();
    if ((*there)->handle == record.domain.uuid) {
        failpoint("hv.set_handle:before");
        auto named = co_await ctx.hv.set_handle(record.domid(), kept_uuid(record));
        failpoint("hv.set_handle:after");
        if (!named)
            co_return named.error();
    }
    auto moved = co_await move_nodes(ctx, record);
    if (!moved)
        co_return moved.error();
    co_return co_await commit_kept(ctx, record);
}

} // namespace zocalo::toolstack
