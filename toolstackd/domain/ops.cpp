// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/ops.hpp"

#include "common/rpc/bodies.hpp"
#include "common/rpc/json.hpp"
#include "toolstackd/domain/tree.hpp"
#include "toolstackd/sys/failpoint.hpp"

namespace zocalo::toolstack {
namespace {

// The operation is committed with its deadline before the guest is asked: a guest that acts at once
// and a daemon that dies at once must not make it act twice. After a power cut there is no guest
// left to ask.
Answer<bool> ask_guest(Context& ctx, Record& record, OpRow& op)
{
    if (record.instance.phase != Phase::running)
        co_return Error{Code::conflict, "the domain does not run", "start it first"};
    if (op.deadline_ms == 0) {
        auto body = rpc::from_json<rpc::TimeoutBody>(op.args, "");
        if (!body)
            co_return body.error();
        op.deadline_ms = ctx.clock.now_ms() + static_cast<std::int64_t>(body->timeout_s) * 1000;
        op.boot_seq = record.instance.boot_seq;
        op.state = rpc::OpState::running;
        op.step = "waiting for the guest";
        Batch batch;
        batch.ops.push_back(op);
        auto written = co_await ctx.commit_for_this_boot(std::move(batch));
        if (!written)
            co_return written.error();
    }
    record.waits[op.id] = std::nullopt;
    std::vector<StoreChange> changes{
        {StoreChange::Kind::write,
         domain_path(record.domid()) + "/control/shutdown",
         op.verb == "reboot" ? "reboot" : "poweroff",
         {}}};
    std::vector<StoreGuard> guards{owner_guard(record.domain.uuid, record.domid())};
    failpoint("store.ask:before");
    auto asked = co_await ctx.store.commit(std::move(changes), std::move(guards));
    failpoint("store.ask:after");
    if (!asked)
        co_return asked.error();
    co_return false;
}

} // namespace

void show_step(Context& ctx, const Record& record, const std::string& text)
{
    for (const OpRow& op : ctx.book.active(rpc::text(record.domain.uuid)))
        if (op.verb == "create" || op.verb == "start" || op.verb == "destroy")
            ctx.book.op(op.id)->step = text;
    ctx.changed.notify();
}

bool is_plug(const std::string& verb)
{
    return verb == "block-attach" || verb == "block-detach" || verb == "network-attach" ||
           verb == "network-detach";
}

Answer<Unit> run_op(Context& ctx, Record& record, std::uint64_t id)
{
    const OpRow* found = ctx.book.op(id);
    if (found == nullptr)
        co_return Unit{};
    OpRow op = *found;
    Batch batch;
    Handled handled = true;
    if (op.deadline_ms == 0 && ctx.cancels.contains(id))
        handled = Error{Code::failed, "cancelled on request", {}};
    else if (op.verb == "shutdown" || op.verb == "reboot")
        handled = co_await ask_guest(ctx, record, op);
    else if (is_plug(op.verb))
        handled = co_await run_plug(ctx, record, op, batch);
    else
        handled = co_await run_change(ctx, record, op, batch);
    if (handled && !*handled)
        co_return Unit{};
    if (!handled) {
        Batch refusal;
        Outcome<Unit> outcome = handled.error();
        finish_op(ctx, refusal, op, outcome);
        co_return co_await ctx.commit(std::move(refusal));
    }
    finish_op(ctx, batch, op, Unit{});
    batch.durable = record.domain.managed;
    co_return co_await ctx.commit(std::move(batch));
}

Answer<Unit>
settle_op(Context& ctx, Record& record, std::uint64_t id, const std::optional<Error>& failure)
{
    const OpRow* found = ctx.book.op(id);
    if (found == nullptr)
        co_return Unit{};
    const OpRow op = *found;
    if (is_plug(op.verb))
        co_return co_await settle_plug(ctx, record, op, failure);
    Batch batch;
    Outcome<Unit> outcome = Unit{};
    if (failure)
        outcome = *failure;
    if (op.verb == "destroy" && failure && record.instance.phase == Phase::ending) {
        batch.instances.push_back(record.instance); // goes on without its operation
        batch.domains.push_back(record.domain);
    }
    finish_op(ctx, batch, op, outcome);
    auto written = co_await ctx.commit_for_this_boot(std::move(batch));
    if (written)
        record.waits.erase(id);
    co_return written;
}

} // namespace zocalo::toolstack
