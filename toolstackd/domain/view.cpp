// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/view.hpp"

#include "toolstackd/db/columns.hpp"
#include "toolstackd/device/others.hpp"
#include "toolstackd/domain/refs.hpp"

#include <xen/sched.h>
#include <xen/xen.h>

#include <algorithm>

namespace zocalo::toolstack {
namespace {

using rpc::DomainState;

void fill_live(rpc::DomainView& view, const LiveDomain& live)
{
    view.domid = live.domid.value;
    view.flag_running = live.running;
    view.flag_blocked = live.blocked;
    view.flag_paused = live.paused;
    view.flag_shutdown = live.shutdown;
    view.flag_crashed = live.shutdown && live.shutdown_reason == SHUTDOWN_crash;
    view.flag_dying = live.dying;
    view.shutdown_reason = live.shutdown ? live.shutdown_reason : -1;
    view.memory_kib = live.memory_kib;
    view.maxmem_kib = live.max_memory_kib;
    view.vcpus_online = live.vcpus_online;
    view.vcpus_max = live.max_vcpu_id + 1;
    view.cpu_time_ns = live.cpu_time_ns;
}

DomainState live_state(const LiveDomain& live)
{
    if (live.dying)
        return DomainState::dying;
    if (live.shutdown)
        return live.shutdown_reason == SHUTDOWN_crash ? DomainState::crashed
                                                      : DomainState::shutdown;
    return live.paused ? DomainState::paused : DomainState::running;
}

bool shutdown_asked(const Context& ctx, const Record& record)
{
    for (const OpRow& op : ctx.book.active(rpc::text(record.domain.uuid)))
        if ((op.verb == "shutdown" || op.verb == "reboot") && op.deadline_ms != 0)
            return true;
    return false;
}

DomainState state_of(
    const Context& ctx, const Record& record, const std::optional<LiveDomain>& live, bool unknown
)
{
    switch (record.instance.phase) {
    case Phase::none:
        return record.instance.boot_seq ? DomainState::stopped : DomainState::defined;
    case Phase::queued:
        return DomainState::defined;
    case Phase::starting:
    case Phase::building:
        return DomainState::building;
    default:
        break;
    }
    if (unknown)
        return DomainState::unknown;
    if (record.instance.phase == Phase::ending)
        return DomainState::dying;
    if (record.instance.phase == Phase::built && live && !live->shutdown)
        return DomainState::building;
    if (!live)
        return DomainState::dying; // its end is about to be recorded
    const DomainState state = live_state(*live);
    const bool alive = state == DomainState::running || state == DomainState::paused;
    return alive && shutdown_asked(ctx, record) ? DomainState::shutting_down : state;
}

// Ours by uuid, as Xen's list has them.
std::optional<LiveDomain> row_of(const Record& record, const std::vector<LiveDomain>& all)
{
    for (const LiveDomain& live : all)
        if (live.handle == record.domain.uuid && live.domid.value == record.instance.domid)
            return live;
    return std::nullopt;
}

Answer<rpc::DomainView> foreign_detail(Context& ctx, LiveDomain live)
{
    auto name = co_await ctx.foreign_names.of(live);
    co_return foreign_view(live, name ? *name : "");
}

// Of a domain that another toolstack made, adopted or not, xenstore knows more than we do.
boost::asio::awaitable<void>
add_devices(Context& ctx, rpc::DomainDetail& detail, const LiveDomain& live)
{
    const Record* record = ctx.book.find(live.handle);
    const bool made_here = record != nullptr && record->instance.console_frame != 0;
    if (made_here) {
        const DeviceOwner owner = record->owner();
        if (auto disks = co_await ctx.devices.disks(owner))
            detail.disks = std::move(disks).value();
        if (auto nics = co_await ctx.devices.nics(owner))
            detail.nics = std::move(nics).value();
        if (auto channels = co_await ctx.consoles.channels(owner.uuid))
            detail.channels = std::move(channels).value();
        co_return;
    }
    if (auto disks = co_await disks_in_store(ctx.store, live.domid))
        detail.disks = std::move(disks).value();
    if (auto nics = co_await nics_in_store(ctx.store, live.domid))
        detail.nics = std::move(nics).value();
}

} // namespace

rpc::DomainView view_of(
    const Context& ctx,
    const Record& record,
    const std::optional<LiveDomain>& live,
    const std::string& unknown
)
{
    const rpc::DomainConfig& config = record.domain.config;
    rpc::DomainView view;
    view.uuid = rpc::text(record.domain.uuid);
    view.name = record.domain.name;
    view.domid = record.instance.domid;
    view.ownership = record.domain.managed ? rpc::Ownership::managed : rpc::Ownership::transient;
    view.type = config.type;
    view.memory_kib = config.memory_mib * 1024;
    view.maxmem_kib = config.maxmem_mib * 1024;
    view.vcpus_max = config.maxvcpus;
    view.desired = enum_text(record.domain.desired);
    view.autostart = config.autostart.enabled;
    view.reason = unknown.empty() ? record.domain.reason : unknown;
    view.state = state_of(ctx, record, live, !unknown.empty());
    if (live)
        fill_live(view, *live);
    else if (record.instance.phase != Phase::none && record.instance.domid < 0)
        view.domid = -1;
    if (live && record.instance.started_ms != 0)
        view.uptime_s = static_cast<std::uint64_t>(
            std::max<std::int64_t>(ctx.clock.now_ms() - record.instance.started_ms, 0) / 1000
        );
    if (record.instance.phase == Phase::starting &&
        record.instance.not_before_ms > ctx.clock.now_ms())
        view.reason = "ended too often too soon; starts again in " +
                      std::to_string((record.instance.not_before_ms - ctx.clock.now_ms()) / 1000) +
                      " s";
    return view;
}

rpc::DomainView foreign_view(const LiveDomain& live, std::string name)
{
    rpc::DomainView view;
    view.uuid = rpc::text(live.handle);
    view.name = std::move(name);
    view.ownership = rpc::Ownership::foreign;
    view.type = live.hvm ? rpc::GuestType::pvh : rpc::GuestType::pv;
    view.state = live_state(live);
    fill_live(view, live);
    return view;
}

rpc::OpView view_of(const OpRow& op)
{
    rpc::OpView view;
    view.id = op.id;
    view.verb = op.verb;
    view.uuid = op.uuid;
    view.name = op.name;
    view.state = op.state;
    view.step = op.step;
    view.error_code = op.error_code;
    view.error = op.error;
    view.next = op.next;
    view.created_ms = op.created_ms;
    view.finished_ms = op.finished_ms;
    view.idempotency_key = op.idem_key;
    view.by_uid = op.by_uid;
    view.result = op.result;
    return view;
}

Answer<std::vector<rpc::DomainView>> all_domains(Context& ctx)
{
    std::vector<rpc::DomainView> views;
    auto all = co_await ctx.hv.list();
    const std::string unknown = all ? "" : all.error().what;
    const std::vector<LiveDomain> rows = all ? *all : std::vector<LiveDomain>{};
    std::map<std::pair<rpc::Uuid, std::int32_t>, LiveDomain> index;
    for (const LiveDomain& live : rows)
        index[{live.handle, live.domid.value}] = live;
    for (const auto& [uuid, record] : ctx.book.records()) {
        const auto found = index.find({uuid, record.instance.domid});
        std::optional<LiveDomain> live;
        if (found != index.end())
            live = found->second;
        views.push_back(view_of(ctx, record, live, unknown));
    }
    if (all)
        ctx.foreign_names.keep(rows);
    for (const LiveDomain& live : rows) {
        if (is_ours(ctx, live))
            continue;
        auto view = co_await foreign_detail(ctx, live);
        views.push_back(*view);
    }
    std::ranges::sort(views, [](const auto& a, const auto& b) {
        const auto key = [](const auto& v) { return v.domid < 0 ? 0x10000 : v.domid; };
        return key(a) != key(b) ? key(a) < key(b) : a.name < b.name;
    });
    co_return views;
}

Answer<rpc::DomainDetail> domain_detail(Context& ctx, std::string ref)
{
    auto target = co_await find_target(ctx, ref);
    if (!target)
        co_return target.error();
    rpc::DomainDetail detail;
    std::optional<LiveDomain> live = target->live;
    if (target->record == nullptr) {
        detail.domain = foreign_view(*live, target->name);
    } else {
        const rpc::Uuid uuid = target->uuid;
        auto all = co_await ctx.hv.list();
        const Record* record = ctx.book.find(uuid); // it may have gone meanwhile
        if (record == nullptr)
            co_return Error{Code::not_found, "the domain has just ended", {}};
        if (all)
            live = row_of(*record, *all);
        detail.domain = view_of(ctx, *record, live, all ? "" : all.error().what);
        detail.config = record->domain.config;
    }
    if (live)
        co_await add_devices(ctx, detail, *live);
    if (live && !live->dying) {
        if (auto vcpus = co_await ctx.hv.vcpus(live->domid))
            detail.vcpus = std::move(vcpus).value();
        if (auto scheduler = co_await ctx.hv.scheduler(live->domid)) {
            detail.weight = scheduler->weight;
            detail.cap = scheduler->cap;
        }
    }
    co_return detail;
}

} // namespace zocalo::toolstack
