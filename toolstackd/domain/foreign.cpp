// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/foreign.hpp"

#include "common/rpc/bodies.hpp"
#include "common/rpc/json.hpp"
#include "toolstackd/domain/doctor.hpp"
#include "toolstackd/domain/step.hpp"
#include "toolstackd/domain/tree.hpp"
#include "toolstackd/sys/failpoint.hpp"
#include "toolstackd/sys/log.hpp"

#include <algorithm>

namespace zocalo::toolstack {
namespace {

constexpr std::uint64_t kSlackKib = 1024;

Error gone()
{
    return Error{Code::not_found, "the domain has gone meanwhile", {}};
}

Answer<LiveDomain> same_domain(Context& ctx, const OpRow& op)
{
    auto live = co_await ctx.hv.find(DomId{static_cast<std::uint16_t>(op.domid)});
    if (live && rpc::text(live->handle) != op.uuid)
        co_return gone();
    co_return live;
}

Answer<Unit> write_nodes(Context& ctx, const OpRow& op, std::vector<StoreChange> changes)
{
    std::vector<StoreGuard> guards{
        {.path = domain_path(DomId{static_cast<std::uint16_t>(op.domid)}) + "/name"}};
    failpoint("store.foreign:before");
    auto written = co_await ctx.store.commit(std::move(changes), std::move(guards));
    failpoint("store.foreign:after");
    co_return written;
}

// Until the guest has stopped or gone.
Answer<Unit> ask_and_wait(Context& ctx, const OpRow& op, DomId domid)
{
    auto body = rpc::from_json<rpc::TimeoutBody>(op.args, "");
    if (!body)
        co_return body.error();
    const std::int64_t deadline = op.created_ms + static_cast<std::int64_t>(body->timeout_s) * 1000;
    std::vector<StoreChange> changes{
        {StoreChange::Kind::write,
         domain_path(domid) + "/control/shutdown",
         op.verb == "reboot" ? "reboot" : "poweroff",
         {}}};
    auto asked = co_await write_nodes(ctx, op, std::move(changes));
    if (!asked)
        co_return asked.error();
    while (ctx.clock.now_ms() < deadline && !ctx.cancels.contains(op.id)) {
        auto live = co_await same_domain(ctx, op);
        if (!live && live.error().code == Code::unreachable)
            co_return live.error();
        if (!live || live->shutdown || live->dying)
            co_return Unit{};
        auto slept = co_await ctx.sleep(200);
        if (!slept)
            co_return slept.error();
    }
    co_return guest_too_slow(op);
}

Answer<Unit> remove_foreign_nodes(Context& ctx, const OpRow& op, DomId domid)
{
    auto kinds = co_await ctx.store.list("/local/domain/0/backend");
    if (!kinds)
        co_return kinds.error();
    const std::string number = std::to_string(domid.value);
    std::vector<StoreChange> changes;
    for (const std::string& kind : *kinds)
        changes.push_back(
            {StoreChange::Kind::remove, "/local/domain/0/backend/" + kind + "/" + number, {}, {}}
        );
    for (const std::string& path : {domain_path(domid), "/libxl/" + number, "/vm/" + op.uuid})
        changes.push_back({StoreChange::Kind::remove, path, {}, {}});
    std::vector<StoreGuard> guards{{.path = domain_path(domid) + "/vm", .value = "/vm/" + op.uuid}};
    failpoint("store.foreign:before");
    auto removed = co_await ctx.store.commit(std::move(changes), std::move(guards));
    failpoint("store.foreign:after");
    if (!removed && removed.error().code == Code::conflict)
        co_return Unit{}; // its own toolstack was faster
    co_return removed;
}

Answer<Unit> destroy_foreign(Context& ctx, const OpRow& op, DomId domid)
{
    failpoint("hv.destroy:before");
    auto destroyed = co_await ctx.hv.destroy(domid);
    failpoint("hv.destroy:after");
    if (!destroyed && destroyed.error().code != Code::not_found)
        co_return destroyed.error();
    co_return co_await remove_foreign_nodes(ctx, op, domid);
}

Answer<Unit> resize_foreign(Context& ctx, const OpRow& op, DomId domid)
{
    auto body = rpc::from_json<rpc::MemoryBody>(op.args, "");
    if (!body)
        co_return body.error();
    const std::string memory = domain_path(domid) + "/memory/";
    std::vector<StoreChange> changes;
    if (body->target_mib)
        changes.push_back(
            {StoreChange::Kind::write,
             memory + "target",
             std::to_string(*body->target_mib * 1024),
             {}}
        );
    if (body->max_mib)
        changes.push_back(
            {StoreChange::Kind::write,
             memory + "static-max",
             std::to_string(*body->max_mib * 1024),
             {}}
        );
    const std::uint64_t limit = body->target_mib.value_or(body->max_mib.value_or(0)) * 1024;
    if (limit != 0) {
        failpoint("hv.set_max_memory:before");
        auto limited = co_await ctx.hv.set_max_memory(domid, limit + kSlackKib);
        failpoint("hv.set_max_memory:after");
        if (!limited)
            co_return limited.error();
    }
    co_return co_await write_nodes(ctx, op, std::move(changes));
}

Answer<Unit> tune_foreign(Context& ctx, const OpRow& op, const LiveDomain& live)
{
    if (op.verb == "vcpus") {
        auto body = rpc::from_json<rpc::VcpusBody>(op.args, "");
        if (!body)
            co_return body.error();
        if (body->count == 0 || body->count > live.max_vcpu_id + 1)
            co_return Error{Code::usage, "vcpus: outside what the domain was made with", {}};
        co_return co_await write_nodes(
            ctx, op, vcpu_nodes(live.domid, body->count, live.max_vcpu_id + 1)
        );
    }
    if (op.verb == "affinity") {
        auto body = rpc::from_json<rpc::AffinityBody>(op.args, "");
        if (!body)
            co_return body.error();
        co_return co_await ctx.hv.set_affinity(live.domid, body->vcpu, body->hard, body->soft);
    }
    auto body = rpc::from_json<rpc::SchedConfig>(op.args, "");
    if (!body)
        co_return body.error();
    co_return co_await ctx.hv.set_scheduler(live.domid, *body);
}

Answer<Unit> carry_out(Context& ctx, const OpRow& op)
{
    if (op.verb == "repair")
        co_return co_await repair(ctx);
    const bool wants_end = op.verb == "destroy" || op.verb == "shutdown";
    if (op.domid < 0 && wants_end)
        co_return Unit{};
    if (op.domid < 0) // it was ours and ended before its operation began
        co_return gone();
    auto live = co_await same_domain(ctx, op);
    if (!live && live.error().code == Code::not_found && wants_end)
        co_return Unit{}; // done before a kill, or by its own toolstack
    if (!live)
        co_return live.error();
    if (op.verb == "pause")
        co_return co_await ctx.hv.pause(live->domid);
    if (op.verb == "unpause")
        co_return co_await ctx.hv.unpause(live->domid);
    if (op.verb == "destroy")
        co_return co_await destroy_foreign(ctx, op, live->domid);
    if (op.verb == "shutdown" || op.verb == "reboot")
        co_return co_await ask_and_wait(ctx, op, live->domid);
    if (op.verb == "memory")
        co_return co_await resize_foreign(ctx, op, live->domid);
    co_return co_await tune_foreign(ctx, op, *live);
}

} // namespace

boost::asio::awaitable<void> run_foreign(Context& ctx, std::uint64_t id)
{
    const OpRow* found = ctx.book.op(id);
    if (found == nullptr || found->finished_ms != 0)
        co_return;
    const OpRow op = *found;
    auto outcome = co_await carry_out(ctx, op);
    Batch batch;
    finish_op(ctx, batch, op, outcome);
    auto written = co_await ctx.commit(std::move(batch));
    if (!written)
        log_error("operation " + std::to_string(id) + ": " + describe(written.error()));
}

} // namespace zocalo::toolstack
