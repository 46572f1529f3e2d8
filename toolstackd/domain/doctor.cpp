// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/doctor.hpp"

#include "toolstackd/domain/refs.hpp"
#include "toolstackd/domain/tree.hpp"
#include "toolstackd/sys/failpoint.hpp"

#include <set>

namespace zocalo::toolstack {
namespace {

struct Leak {
    rpc::Uuid uuid; // whose backend still runs
    DomId domid;    // whose nodes are left, when there is no uuid
    bool process{};
    std::string text;
};

bool lives(const Context& ctx, const rpc::Uuid& uuid)
{
    const Record* record = ctx.book.find(uuid);
    return record != nullptr && record->live();
}

// Frontend and backend directories of domids that no domain has.
Answer<std::vector<Leak>> find_leaks(Context& ctx)
{
    auto remains = co_await ctx.devices.survey();
    if (!remains)
        co_return remains.error();
    auto all = co_await ctx.hv.list();
    if (!all)
        co_return all.error();
    std::set<DomId> there;
    for (const LiveDomain& live : *all)
        there.insert(live.domid);
    for (const auto& [uuid, record] : ctx.book.records())
        if (record.live() && record.instance.domid >= 0)
            there.insert(record.domid());
    std::vector<Leak> leaks;
    for (const auto& process : remains->processes)
        if (!lives(ctx, process.uuid))
            leaks.push_back(
                {process.uuid,
                 {},
                 true,
                 "backend process " + std::to_string(process.pid) + " serves domain " +
                     rpc::text(process.uuid) + ", which does not run"}
            );
    std::set<DomId> stale(remains->frontends.begin(), remains->frontends.end());
    stale.insert(remains->backends.begin(), remains->backends.end());
    for (const DomId domid : stale)
        if (!there.contains(domid))
            leaks.push_back(
                {{},
                 domid,
                 false,
                 "xenstore holds device nodes of domain " + std::to_string(domid.value) +
                     ", which does not exist"}
            );
    co_return leaks;
}

rpc::FindingView
finding(std::string severity, std::string check, std::string text, std::string next)
{
    return {std::move(severity), std::move(check), std::move(text), std::move(next)};
}

void examine_database(const Context& ctx, std::vector<rpc::FindingView>& findings)
{
    if (!ctx.read_only.empty())
        findings.push_back(finding(
            "error",
            "database",
            "nothing can be changed: " + ctx.read_only,
            "stop toolstackd, put the right domains.db back (no -wal beside it), start it; or, to "
            "go on with what is there, `toolstackd --accept-database`, then restart it: domains "
            "it does not know are others' then, see `zl adopt`"
        ));
    if (!ctx.database_trouble.empty())
        findings.push_back(finding(
            "error",
            "database",
            "the last change could not be written: " + ctx.database_trouble,
            "steps are tried again until it can"
        ));
}

// A xenstored that was started anew knows nothing of guests that run on.
Answer<Unit> examine_nodes(Context& ctx, std::vector<rpc::FindingView>& findings)
{
    std::vector<std::pair<std::string, DomId>> running;
    for (const auto& [uuid, record] : ctx.book.records())
        if (record.instance.phase == Phase::running && record.instance.console_frame != 0)
            running.emplace_back(record.domain.name, record.domid());
    for (const auto& [name, domid] : running) {
        auto vm = co_await ctx.store.read(domain_path(domid) + "/vm");
        if (!vm)
            co_return vm.error();
        if (!*vm)
            findings.push_back(finding(
                "error",
                "xenstore",
                name + ": xenstore has lost its nodes; was xenstored started anew? Its guest runs "
                       "on with the devices it has, and hears no requests",
                "shut it down from inside, or `zl destroy`; then start it again"
            ));
    }
    co_return Unit{};
}

void examine_records(Context& ctx, std::vector<rpc::FindingView>& findings)
{
    for (const auto& [uuid, record] : ctx.book.records()) {
        if (!record.unknown.empty())
            findings.push_back(finding(
                "error",
                "domain",
                record.domain.name + ": its state is unknown: " + record.unknown,
                "check that xenstored runs and that this is a Xen host"
            ));
        const bool lingers = record.instance.phase == Phase::ending && record.seen &&
                             record.seen->dying &&
                             ctx.clock.now_ms() - record.instance.exit_ms > 10'000;
        if (lingers)
            findings.push_back(finding(
                "warning",
                "dying",
                record.domain.name + ": Xen still keeps domain " +
                    std::to_string(record.instance.domid) + ": something maps its memory",
                "look for processes that serve it; it is cleaned up when they let go"
            ));
        if (record.instance.phase == Phase::none && !record.domain.reason.empty())
            findings.push_back(
                finding("warning", "start", record.domain.name + ": " + record.domain.reason, "")
            );
    }
}

} // namespace

Answer<std::vector<rpc::FindingView>> examine(Context& ctx)
{
    std::vector<rpc::FindingView> findings;
    examine_database(ctx, findings);
    if (!ctx.store.up())
        findings.push_back(finding(
            "error", "xenstored", "xenstored does not answer", "`systemctl status xenstored`"
        ));
    auto leaks = co_await find_leaks(ctx);
    if (!leaks)
        findings.push_back(finding(
            "error",
            "survey",
            "what is there could not be found out: " + leaks.error().what,
            leaks.error().next
        ));
    else
        for (const Leak& leak : *leaks)
            findings.push_back(finding("warning", "leak", leak.text, "`zl doctor --repair`"));
    examine_records(ctx, findings);
    if (ctx.store.up())
        static_cast<void>(co_await examine_nodes(ctx, findings));
    if (findings.empty())
        findings.push_back(finding("ok", "all", "nothing is wrong", ""));
    co_return findings;
}

Answer<Unit> repair(Context& ctx)
{
    auto leaks = co_await find_leaks(ctx);
    if (!leaks)
        co_return leaks.error();
    std::vector<StoreChange> changes;
    for (const Leak& leak : *leaks) {
        if (leak.process) {
            failpoint("devices.release_all:before");
            auto freed = co_await ctx.devices.release_all(leak.uuid, leak.domid);
            failpoint("devices.release_all:after");
            if (!freed)
                co_return freed.error();
            continue;
        }
        const std::string number = std::to_string(leak.domid.value);
        for (StoreChange& change : ctx.devices.stale_nodes(leak.domid))
            changes.push_back(std::move(change));
        changes.push_back({StoreChange::Kind::remove, domain_path(leak.domid), {}, {}});
        changes.push_back({StoreChange::Kind::remove, "/libxl/" + number, {}, {}});
    }
    if (changes.empty())
        co_return Unit{};
    failpoint("store.repair:before");
    auto removed = co_await ctx.store.commit(std::move(changes), {});
    failpoint("store.repair:after");
    co_return removed;
}

} // namespace zocalo::toolstack
