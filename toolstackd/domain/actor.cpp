// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/actor.hpp"

#include "toolstackd/domain/boot.hpp"
#include "toolstackd/domain/dump.hpp"
#include "toolstackd/domain/end.hpp"
#include "toolstackd/domain/keep.hpp"
#include "toolstackd/domain/ops.hpp"
#include "toolstackd/domain/start.hpp"
#include "toolstackd/domain/step.hpp"
#include "toolstackd/sys/log.hpp"

#include <algorithm>

namespace zocalo::toolstack {
namespace {

// Counts while it lives, also when a coroutine is torn down in the middle.
class Count {
  public:
    explicit Count(std::size_t& n) : n_{n} { ++n_; }
    Count(const Count&) = delete;
    Count& operator=(const Count&) = delete;
    ~Count() { --n_; }

  private:
    std::size_t& n_;
};

Answer<Unit> fail_start(Record& record, Error failure)
{
    record.failure = std::move(failure);
    record.instance.phase = Phase::ending;
    record.instance.after_end = AfterEnd::stop;
    co_return Unit{};
}

Answer<Unit> execute(Context& ctx, Record& record, const Observation& seen, const Step& step)
{
    switch (step.kind) {
    case StepKind::wait:
        break;
    case StepKind::begin_start:
        co_return co_await begin_start(ctx, record, step.op);
    case StepKind::end_queue:
        co_return co_await end_queue(ctx, record, record.queue_failure);
    case StepKind::discard:
        co_return co_await discard(ctx, record, seen);
    case StepKind::build:
        co_return co_await build(ctx, record);
    case StepKind::unpause:
        co_return co_await unpause(ctx, record);
    case StepKind::confirm:
        co_return co_await confirm(ctx, record);
    case StepKind::follow:
        co_return co_await follow(ctx, record);
    case StepKind::record_end:
        co_return co_await record_end(ctx, record, step.word);
    case StepKind::dump:
        co_return co_await dump(ctx, record, seen);
    case StepKind::keep:
        co_return co_await keep(ctx, record);
    case StepKind::tear_down:
        co_return co_await tear_down(ctx, record, seen);
    case StepKind::finish_end:
        co_return co_await finish_end(ctx, record);
    case StepKind::fail_start:
        co_return co_await fail_start(record, *step.failure);
    case StepKind::run_op:
        co_return co_await run_op(ctx, record, step.op);
    case StepKind::settle_op:
        co_return co_await settle_op(ctx, record, step.op, step.failure);
    }
    co_return Unit{};
}

} // namespace

void Actors::start(const rpc::Uuid& uuid)
{
    if (desks_.contains(uuid))
        return mark(uuid);
    auto desk = std::make_shared<Desk>(ctx_.executor);
    desks_[uuid] = desk;
    ctx_.tasks.spawn("domain " + rpc::text(uuid), run(uuid, desk));
}

void Actors::mark(const rpc::Uuid& uuid)
{
    const auto found = desks_.find(uuid);
    if (found == desks_.end())
        return;
    found->second->dirty = true;
    found->second->awake.notify();
}

void Actors::mark_all()
{
    for (const auto& [uuid, desk] : desks_) {
        desk->dirty = true;
        desk->awake.notify();
    }
}

// One look and one step. Answers when to look again without being told: 0 at once, -1 never.
Answer<std::int64_t> Actors::turn(Record& record, Desk& desk)
{
    const rpc::Uuid uuid = record.domain.uuid;
    const Observation seen = co_await observe(ctx_, record);
    if (seen.known)
        record.seen = seen.domain;
    record.unknown = seen.trouble;
    auto ops = ctx_.book.active(rpc::text(uuid));
    for (OpRow& op : ops)
        if (ctx_.cancels.contains(op.id))
            op.step = "cancelling";
    const Step step = next_step(record, seen, ops, ctx_.clock.now_ms(), ctx_.settings);
    if (step.kind == StepKind::wait)
        co_return step.wake_ms == 0 ? -1 : std::max(step.wake_ms, ctx_.clock.now_ms() + 1);
    auto done = co_await execute(ctx_, record, seen, step);
    if (done) {
        desk.retry_ms = 0;
        co_return 0;
    }
    log_warning("domain " + rpc::text(uuid) + ": " + describe(done.error()) + "; will try again");
    const auto& settings = ctx_.settings;
    desk.retry_ms = desk.retry_ms == 0 ? settings.retry_first_ms
                                       : std::min(desk.retry_ms * 2, settings.retry_longest_ms);
    co_return ctx_.clock.now_ms() + desk.retry_ms;
}

boost::asio::awaitable<void> Actors::doze(Desk& desk, std::int64_t wake_ms)
{
    Clock::Alarm alarm;
    if (wake_ms > 0)
        alarm = ctx_.clock.at(wake_ms, [&desk] { desk.awake.notify(); });
    while (!desk.dirty && !ctx_.stopping && (wake_ms < 0 || ctx_.clock.now_ms() < wake_ms))
        co_await desk.awake.wait();
}

boost::asio::awaitable<void> Actors::run(rpc::Uuid uuid, std::shared_ptr<Desk> desk)
{
    while (!ctx_.stopping) {
        Record* record = ctx_.book.find(uuid);
        if (record == nullptr)
            break;
        std::int64_t wake = 0;
        {
            const Count count(busy_);
            desk->dirty = false;
            auto turned = co_await turn(*record, *desk);
            wake = *turned;
        }
        if (wake != 0)
            co_await doze(*desk, wake);
    }
    if (const auto found = desks_.find(uuid); found != desks_.end() && found->second == desk)
        desks_.erase(found);
}

} // namespace zocalo::toolstack
