// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/domain_layer.hpp"

#include "toolstackd/domain/actor.hpp"
#include "toolstackd/domain/boot.hpp"
#include "toolstackd/domain/doctor.hpp"
#include "toolstackd/domain/event_page.hpp"
#include "toolstackd/domain/foreign.hpp"
#include "toolstackd/domain/refs.hpp"
#include "toolstackd/domain/submit.hpp"
#include "toolstackd/domain/sweep.hpp"
#include "toolstackd/domain/view.hpp"

#include <algorithm>

namespace zocalo::toolstack {

namespace {

Error no_such_op(std::uint64_t id)
{
    return Error{Code::not_found, "there is no operation " + std::to_string(id), "see `zl ops`"};
}

bool about_record(const Context& ctx, const OpRow& op)
{
    const auto uuid = rpc::parse_uuid(op.uuid);
    return uuid && ctx.book.find(*uuid) != nullptr;
}

// Who destroys a domain does not wait for its core file.
void stop_dump(Context& ctx, const OpRow& op)
{
    const auto uuid = rpc::parse_uuid(op.uuid);
    if (!uuid)
        return;
    if (const auto found = ctx.dumps.find(*uuid); found != ctx.dumps.end())
        *found->second = true;
}

} // namespace

struct DomainLayer::State {
    State(
        boost::asio::any_io_executor executor,
        World world,
        Database& database,
        Clock& clock,
        Settings settings
    )
        : ctx{std::move(executor), world, database, clock, std::move(settings)}, actors{ctx},
          sweep{ctx, actors}, started_ms{clock.now_ms()}
    {
        ctx.mark_dirty = [this](const rpc::Uuid& uuid) { actors.mark(uuid); };
        ctx.take_up = [this](const rpc::Uuid& uuid) { actors.start(uuid); };
    }

    Context ctx;
    Actors actors;
    Sweep sweep;
    std::int64_t started_ms;
};

DomainLayer::DomainLayer(
    boost::asio::any_io_executor executor,
    Hypervisor& hv,
    Store& store,
    Devices& devices,
    Consoles& consoles,
    Database& database,
    Clock& clock,
    Settings settings
)
    : state_{std::make_unique<State>(
          std::move(executor),
          World{hv, store, devices, consoles},
          database,
          clock,
          std::move(settings)
      )}
{
}

DomainLayer::~DomainLayer() = default;

Answer<Unit> DomainLayer::start()
{
    Context& ctx = state_->ctx;
    auto opened = co_await open_book(ctx);
    if (!opened)
        co_return opened.error();
    if (!ctx.read_only.empty())
        co_return Unit{}; // nothing is acted on, and nothing is promised
    // A spawned coroutine begins at once and may change the book: decide first, spawn then.
    std::vector<rpc::Uuid> ours;
    for (const auto& [uuid, record] : ctx.book.records())
        ours.push_back(uuid);
    std::vector<std::uint64_t> others;
    for (const auto& [id, op] : ctx.book.ops())
        if (op.finished_ms == 0 && !about_record(ctx, op))
            others.push_back(id);
    for (const rpc::Uuid& uuid : ours)
        state_->actors.start(uuid);
    for (const std::uint64_t id : others)
        ctx.tasks.spawn("foreign operation", run_foreign(ctx, id));
    state_->sweep.start();
    co_return Unit{};
}

void DomainLayer::only_read(std::string why)
{
    state_->ctx.read_only = std::move(why);
}

Answer<Unit> DomainLayer::stop(std::chrono::milliseconds limit)
{
    Context& ctx = state_->ctx;
    ctx.stopping = true;
    for (const auto& [uuid, give_up] : ctx.dumps)
        *give_up = true;
    state_->sweep.stop();
    state_->actors.mark_all();
    ctx.changed.notify();
    const std::int64_t end = ctx.clock.now_ms() + limit.count();
    while (state_->actors.busy() != 0 && ctx.clock.now_ms() < end) {
        auto slept = co_await ctx.sleep(10);
        if (!slept)
            co_return slept.error();
    }
    co_await ctx.tasks.finish();
    co_return Unit{};
}

Answer<std::vector<rpc::DomainView>> DomainLayer::domains()
{
    return all_domains(state_->ctx);
}

Answer<rpc::DomainDetail> DomainLayer::domain(std::string ref)
{
    return domain_detail(state_->ctx, std::move(ref));
}

Answer<std::vector<rpc::DeviceStats>> DomainLayer::device_stats(std::string ref)
{
    auto target = co_await find_target(state_->ctx, ref);
    if (!target)
        co_return target.error();
    if (target->record == nullptr)
        co_return std::vector<rpc::DeviceStats>{};
    const DeviceOwner owner = target->record->owner();
    co_return co_await state_->ctx.devices.stats(owner);
}

Answer<rpc::Uuid> DomainLayer::resolve(std::string ref)
{
    auto target = co_await find_target(state_->ctx, ref);
    if (target)
        co_return target->uuid;
    const ConsoleRow* console = state_->ctx.book.console_of(ref);
    if (target.error().code == Code::not_found && console != nullptr)
        co_return console->uuid;
    co_return target.error();
}

Answer<rpc::OpView> DomainLayer::submit(Request request)
{
    Context& ctx = state_->ctx;
    if (ctx.stopping)
        co_return Error{Code::unreachable, "the daemon is stopping", "try again in a moment"};
    if (!ctx.read_only.empty())
        co_return read_only_error(ctx);
    auto accepted = co_await toolstack::submit(ctx, std::move(request));
    if (!accepted)
        co_return accepted.error();
    const OpRow& op = accepted->op;
    const rpc::OpView view = view_of(op);
    if (op.verb == "destroy")
        stop_dump(ctx, op);
    if (about_record(ctx, op))
        state_->actors.start(rpc::parse_uuid(op.uuid).value());
    else if (accepted->fresh && op.finished_ms == 0) // another toolstack's, or a domain that ended
                                                     // just now
        ctx.tasks.spawn("foreign operation", run_foreign(ctx, op.id));
    co_return view;
}

Answer<rpc::OpView> DomainLayer::op(std::uint64_t id)
{
    const OpRow* found = state_->ctx.book.op(id);
    if (found == nullptr)
        co_return no_such_op(id);
    co_return view_of(*found);
}

Answer<rpc::OpView> DomainLayer::wait_op(std::uint64_t id, std::chrono::milliseconds limit)
{
    Context& ctx = state_->ctx;
    const std::int64_t end = ctx.clock.now_ms() + limit.count();
    const auto alarm = ctx.clock.at(end, [&ctx] { ctx.changed.notify(); });
    while (true) {
        const OpRow* found = ctx.book.op(id);
        if (found == nullptr)
            co_return no_such_op(id);
        if (found->finished_ms != 0 || ctx.stopping || ctx.clock.now_ms() >= end)
            co_return view_of(*found);
        co_await ctx.changed.wait();
    }
}

Answer<std::vector<rpc::OpView>> DomainLayer::ops(bool active_only)
{
    std::vector<rpc::OpView> views;
    const auto& all = state_->ctx.book.ops();
    for (auto entry = all.rbegin(); entry != all.rend() && views.size() < 1000; ++entry)
        if (!active_only || entry->second.finished_ms == 0)
            views.push_back(view_of(entry->second));
    co_return views;
}

// Asking is not durable: a request to stop that a kill forgets may be repeated.
Answer<rpc::OpView> DomainLayer::cancel(std::uint64_t id)
{
    Context& ctx = state_->ctx;
    OpRow* found = ctx.book.op(id);
    if (found == nullptr)
        co_return no_such_op(id);
    if (found->finished_ms != 0)
        co_return Error{Code::conflict, "the operation has ended", {}};
    if (found->verb == "destroy")
        co_return Error{Code::conflict, "a destroy cannot be taken back", {}};
    ctx.cancels.insert(id);
    if (const auto uuid = rpc::parse_uuid(found->uuid))
        state_->actors.mark(*uuid);
    rpc::OpView view = view_of(*found);
    view.step = "cancelling";
    co_return view;
}

Answer<CheckResult> DomainLayer::check(rpc::DomainConfig config)
{
    return check_create(state_->ctx, std::move(config));
}

Answer<EventPage>
DomainLayer::events(std::uint64_t since, std::size_t max, std::chrono::milliseconds limit)
{
    Context& ctx = state_->ctx;
    const std::int64_t end = ctx.clock.now_ms() + limit.count();
    const auto alarm = ctx.clock.at(end, [&ctx] { ctx.changed.notify(); });
    while (true) {
        EventPage page = page_of(ctx.book, since, max);
        if (page.resync || !page.events.empty() || ctx.stopping || ctx.clock.now_ms() >= end)
            co_return page;
        co_await ctx.changed.wait();
    }
}

Answer<rpc::HostView> DomainLayer::host()
{
    auto view = co_await state_->ctx.hv.host();
    if (!view)
        co_return view.error();
    view->toolstackd_version = state_->ctx.settings.version;
    view->toolstackd_uptime_s =
        static_cast<std::uint64_t>(state_->ctx.clock.now_ms() - state_->started_ms) / 1000;
    co_return *view;
}

Answer<std::string> DomainLayer::dmesg(bool clear)
{
    return state_->ctx.hv.dmesg(clear);
}

Answer<std::vector<rpc::FindingView>> DomainLayer::doctor()
{
    return examine(state_->ctx);
}

} // namespace zocalo::toolstack
