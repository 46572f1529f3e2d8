// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/context.hpp"

#include <utility>

namespace zocalo::toolstack {

Context::Context(
    boost::asio::any_io_executor the_executor,
    World world,
    Database& database,
    Clock& the_clock,
    Settings the_settings
)
    : executor{std::move(the_executor)}, hv{world.hv}, store{world.store}, devices{world.devices},
      consoles{world.consoles}, db{database}, clock{the_clock}, settings{std::move(the_settings)},
      foreign_names{store}, changed{executor}, reserving{executor}, tasks{executor}
{
}

Answer<Unit> Context::commit(Batch batch)
{
    auto written = co_await db.commit(batch);
    note(written);
    if (!written)
        co_return written.error();
    book.apply(batch, *written);
    changed.notify();
    co_return Unit{};
}

void Context::note(const Outcome<Written>& written)
{
    const bool broken = !written && written.error().code == Code::failed;
    database_trouble = broken ? describe(written.error()) : "";
}

Answer<Unit> Context::commit_for_this_boot(Batch batch)
{
    batch.durable = false;
    return commit(std::move(batch));
}

Error read_only_error(const Context& ctx)
{
    return Error{
        Code::conflict,
        "toolstackd is read-only: " + ctx.read_only,
        "`zl doctor` says what can be done; running guests go on"};
}

Answer<Unit> Context::sleep(std::int64_t ms)
{
    const std::int64_t end = clock.now_ms() + ms;
    Signal awake(executor);
    while (clock.now_ms() < end) {
        const auto alarm = clock.at(end, [&awake] { awake.notify(); });
        co_await awake.wait();
    }
    co_return Unit{};
}

rpc::EventView
event_of(Context& ctx, const Record& record, std::string kind, boost::json::object body)
{
    rpc::EventView event;
    event.time_ms = ctx.clock.now_ms();
    event.uuid = rpc::text(record.domain.uuid);
    event.name = record.domain.name;
    event.kind = std::move(kind);
    event.body = std::move(body);
    return event;
}

void finish_op(Context& ctx, Batch& batch, OpRow op, const Outcome<Unit>& outcome)
{
    const bool cancelled = !outcome && ctx.cancels.erase(op.id) != 0;
    op.finished_ms = ctx.clock.now_ms();
    op.state = outcome     ? rpc::OpState::done
               : cancelled ? rpc::OpState::cancelled
                           : rpc::OpState::failed;
    op.step.clear();
    rpc::EventView event;
    event.time_ms = op.finished_ms;
    event.uuid = op.uuid;
    event.name = op.name;
    event.kind = outcome ? "op.done" : cancelled ? "op.cancelled" : "op.failed";
    event.body["op"] = op.id;
    event.body["verb"] = op.verb;
    if (!outcome) {
        op.error_code = name(outcome.error().code);
        op.error = outcome.error().what;
        op.next = outcome.error().next;
        event.body["error"] = op.error;
    }
    batch.ops.push_back(std::move(op));
    batch.events.push_back(std::move(event));
}

} // namespace zocalo::toolstack
