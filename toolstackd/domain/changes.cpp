// SPDX-License-Identifier: Apache-2.0
// The handlers of operations that end at once: each makes the world so, then leaves the rows that
// say so in the batch.
#include "common/rpc/bodies.hpp"
#include "common/rpc/json.hpp"
#include "toolstackd/domain/disk_care.hpp"
#include "toolstackd/domain/ops.hpp"
#include "toolstackd/domain/reservation.hpp"
#include "toolstackd/domain/resize.hpp"
#include "toolstackd/domain/tree.hpp"
#include "toolstackd/sys/failpoint.hpp"

#include <array>

namespace zocalo::toolstack {
namespace {

bool in_xen(const Record& record)
{
    return record.instance.phase == Phase::running || record.instance.phase == Phase::preserved;
}

Answer<bool> pause_domain(Context& ctx, Record& record, OpRow& op, Batch& batch)
{
    if (!in_xen(record))
        co_return Error{Code::conflict, "the domain does not run", "start it first"};
    const bool pausing = op.verb == "pause";
    failpoint("hv.pause:before");
    auto done =
        pausing ? co_await ctx.hv.pause(record.domid()) : co_await ctx.hv.unpause(record.domid());
    failpoint("hv.pause:after");
    if (!done)
        co_return done.error();
    DomainRow domain = record.domain;
    domain.desired = pausing ? Desired::paused : Desired::running;
    batch.domains.push_back(std::move(domain));
    batch.events.push_back(event_of(ctx, record, pausing ? "domain.paused" : "domain.unpaused"));
    co_return true;
}

// The name is durable before xenstore shows it, so that nobody else can take it in between.
Answer<bool> rename_domain(Context& ctx, Record& record, OpRow& op, Batch& batch)
{
    auto body = rpc::from_json<rpc::RenameBody>(op.args, "");
    if (!body)
        co_return body.error();
    const std::string old_name = record.domain.name;
    if (old_name != body->name) {
        Batch naming;
        DomainRow domain = record.domain;
        domain.name = domain.config.name = body->name;
        naming.domains.push_back(std::move(domain));
        auto written = co_await ctx.commit(std::move(naming));
        if (!written)
            co_return Error{
                written.error().code, "cannot rename to " + body->name + ": the name is taken", {}};
    }
    if (in_xen(record)) {
        std::vector<StoreGuard> guards{owner_guard(record.domain.uuid, record.domid())};
        auto changes = rename_nodes(record.domain.uuid, record.domid(), body->name);
        failpoint("store.rename:before");
        auto shown = co_await ctx.store.commit(std::move(changes), std::move(guards));
        failpoint("store.rename:after");
        if (!shown)
            co_return shown.error();
    }
    boost::json::object what{{"old", old_name}};
    batch.events.push_back(event_of(ctx, record, "domain.renamed", what));
    co_return true;
}

Answer<bool> set_autostart(Context& ctx, Record& record, OpRow& op, Batch& batch)
{
    auto body = rpc::from_json<rpc::AutostartConfig>(op.args, "");
    if (!body)
        co_return body.error();
    if (!record.domain.managed)
        co_return Error{
            Code::conflict, "a transient domain cannot start by itself", "define it first"};
    DomainRow domain = record.domain;
    domain.config.autostart = *body;
    domain.generation += 1;
    batch.domains.push_back(std::move(domain));
    batch.events.push_back(event_of(ctx, record, "domain.config"));
    co_return true;
}

Answer<bool> undefine(Context& ctx, Record& record, OpRow&, Batch& batch)
{
    if (record.instance.phase != Phase::none && record.instance.phase != Phase::queued)
        co_return Error{Code::conflict, "the domain runs", "stop it first"};
    batch.dropped_resources = record.resources;
    batch.dropped_domains.push_back(record.domain.uuid);
    batch.events.push_back(event_of(ctx, record, "domain.undefined"));
    ctx.consoles.forget(record.domain.uuid);
    co_return true;
}

// What can change at once does; the rest waits for the next start.
Answer<bool> apply_config(Context& ctx, Record& record, OpRow& op, Batch& batch)
{
    auto body = rpc::from_json<rpc::ConfigBody>(op.args, "");
    if (!body)
        co_return body.error();
    auto config = rpc::resolve(body->config);
    if (!config)
        co_return config.error();
    const auto guard = co_await ctx.reserving.acquire();
    auto macs = mac_rows(ctx, record.domain.uuid, config->nics);
    if (!macs)
        co_return macs.error();
    if (in_xen(record)) {
        auto resized = co_await resize_live(ctx, record, *config);
        if (!resized)
            co_return resized.error();
    }
    for (const ResourceRow& row : record.resources)
        if (row.kind == "mac" && !mac_in_use(record, *config, row.key))
            batch.dropped_resources.push_back(row);
    batch.resources = std::move(macs).value();
    DomainRow domain = record.domain;
    config->uuid = domain.config.uuid;
    domain.config = std::move(config).value();
    domain.generation += 1;
    batch.domains.push_back(std::move(domain));
    batch.events.push_back(event_of(ctx, record, "domain.config"));
    co_return true;
}

// An adopted domain was recorded by the transaction that accepted the operation; a definition too.
Answer<bool> nothing_left(Context&, Record&, OpRow&, Batch&)
{
    co_return true;
}

using Handler = Answer<bool> (*)(Context&, Record&, OpRow&, Batch&);
struct Row {
    std::string_view verb;
    Handler handler;
};

constexpr std::array kHandlers{
    Row{"pause", pause_domain},
    Row{"unpause", pause_domain},
    Row{"rename", rename_domain},
    Row{"autostart", set_autostart},
    Row{"undefine", undefine},
    Row{"apply", apply_config},
    Row{"adopt", nothing_left},
    Row{"memory", set_memory},
    Row{"vcpus", set_vcpus},
    Row{"affinity", set_affinity},
    Row{"scheduler", set_scheduler},
    Row{"block-limit", set_disk_limits},
    Row{"block-measure", measure_disk},
    Row{"block-medium", change_medium},
};

} // namespace

Answer<bool> run_change(Context& ctx, Record& record, OpRow& op, Batch& batch)
{
    for (const Row& row : kHandlers)
        if (row.verb == op.verb)
            co_return co_await row.handler(ctx, record, op, batch);
    co_return Error{Code::unsupported, "no such operation: " + op.verb, {}};
}

} // namespace zocalo::toolstack
