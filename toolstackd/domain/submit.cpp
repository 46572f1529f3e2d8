// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/submit.hpp"

#include "common/rpc/json.hpp"
#include "toolstackd/domain/admission.hpp"
#include "toolstackd/domain/refs.hpp"

#include <algorithm>

namespace zocalo::toolstack {
namespace {

constexpr std::size_t kLongestKey = 128;

OpRow make_op(Context& ctx, const Request& request)
{
    OpRow op;
    op.verb = request.verb;
    op.args = request.args;
    op.state = rpc::OpState::accepted;
    op.step = "waiting for its turn";
    op.idem_key = request.idempotency_key;
    op.by_uid = request.uid;
    op.created_ms = ctx.clock.now_ms();
    return op;
}

// The operation an idempotency key stands for. Used again for something else, it is refused.
Outcome<std::optional<OpRow>> known_op(const Context& ctx, const Request& request)
{
    if (request.idempotency_key.empty())
        return std::optional<OpRow>{};
    if (request.idempotency_key.size() > kLongestKey)
        return Error{Code::usage, "the idempotency key is longer than 128 bytes", {}};
    const OpRow* known = ctx.book.by_key(request.idempotency_key);
    if (known == nullptr)
        return std::optional<OpRow>{};
    if (known->verb != request.verb || known->args != request.args)
        return Error{
            Code::conflict,
            "the idempotency key was used for another request",
            "use a new key for each request"};
    return std::optional<OpRow>{*known};
}

// Whether what was accepted still matters after a power cut: guests and what is done to them end
// there, definitions do not.
bool outlives_the_host(const Batch& batch)
{
    for (const std::string_view verb :
         {"start", "destroy", "shutdown", "reboot", "pause", "unpause", "repair"})
        if (batch.ops.front().verb == verb)
            return false;
    return batch.domains.empty() || batch.domains.front().managed;
}

// Commits, and hands back the row with its number.
Answer<Accepted> accept(Context& ctx, Batch batch)
{
    batch.durable = outlives_the_host(batch);
    const std::string key = batch.ops.front().idem_key;
    auto written = co_await ctx.db.commit(batch);
    ctx.note(written);
    if (!written) {
        // The same request came twice at once: the first one counts.
        const OpRow* first = key.empty() ? nullptr : ctx.book.by_key(key);
        if (first != nullptr)
            co_return Accepted{*first, false};
        co_return written.error();
    }
    ctx.book.apply(batch, *written);
    ctx.changed.notify();
    Accepted accepted{batch.ops.front(), true};
    accepted.op.id = written->op_ids.front();
    co_return accepted;
}

Answer<Accepted> submit_create(Context& ctx, const Request& request)
{
    const auto guard = co_await ctx.reserving.acquire();
    auto known = known_op(ctx, request);
    if (!known)
        co_return known.error();
    if (*known)
        co_return Accepted{**known, false};
    Batch batch;
    batch.ops.push_back(make_op(ctx, request));
    auto admitted = co_await admit_create(ctx, batch, request.args);
    if (!admitted)
        co_return admitted.error();
    const rpc::Uuid uuid = batch.domains.front().uuid;
    auto accepted = co_await accept(ctx, std::move(batch));
    if (!accepted)
        ctx.promised_kib.erase(uuid);
    else if (Record* record = ctx.book.find(uuid))
        record->clean = true;
    co_return accepted;
}

Answer<Accepted> submit_adopt(Context& ctx, const Request& request, const Target& target)
{
    const auto guard = co_await ctx.reserving.acquire();
    Batch batch;
    batch.ops.push_back(make_op(ctx, request));
    auto admitted = co_await admit_adopt(ctx, batch, request.args, *target.live, target.name);
    if (!admitted)
        co_return admitted.error();
    co_return co_await accept(ctx, std::move(batch));
}

Answer<Accepted> submit_repair(Context& ctx, const Request& request)
{
    Batch batch;
    batch.ops.push_back(make_op(ctx, request));
    co_return co_await accept(ctx, std::move(batch));
}

Answer<Accepted> submit_foreign(Context& ctx, const Request& request, const Target& target)
{
    auto admitted = admit_foreign(request.verb, *target.live);
    if (!admitted)
        co_return admitted.error();
    auto checked = check_args(request.verb, request.args);
    if (!checked)
        co_return checked.error();
    Batch batch;
    OpRow op = make_op(ctx, request);
    op.uuid = rpc::text(target.uuid);
    op.name = target.name;
    op.domid = target.live->domid.value;
    batch.ops.push_back(std::move(op));
    co_return co_await accept(ctx, std::move(batch));
}

Answer<Accepted> submit_ours(Context& ctx, const Request& request, const rpc::Uuid& uuid)
{
    auto checked = check_args(request.verb, request.args);
    if (!checked)
        co_return checked.error();
    const Record* record = ctx.book.find(uuid);
    if (record == nullptr)
        co_return Error{Code::not_found, "the domain has just ended", {}};
    auto admitted = admit_change(ctx, *record, request.verb, request.args);
    if (!admitted)
        co_return admitted.error();
    if (request.verb == "rename") {
        auto free =
            co_await check_foreign_names(ctx, std::string(request.args.at("name").as_string()));
        if (!free)
            co_return free.error();
        if (ctx.book.find(uuid) == nullptr)
            co_return Error{Code::not_found, "the domain has just ended", {}};
        record = ctx.book.find(uuid);
    }
    Batch batch;
    OpRow op = make_op(ctx, request);
    op.uuid = rpc::text(uuid);
    op.name = record->domain.name;
    op.boot_seq = record->instance.boot_seq;
    batch.ops.push_back(std::move(op));
    co_return co_await accept(ctx, std::move(batch));
}

} // namespace

Answer<Accepted> submit(Context& ctx, Request request)
{
    auto known = known_op(ctx, request);
    if (!known)
        co_return known.error();
    if (*known)
        co_return Accepted{**known, false};
    if (request.verb == "create")
        co_return co_await submit_create(ctx, request);
    if (request.verb == "repair")
        co_return co_await submit_repair(ctx, request);
    auto target = co_await find_target(ctx, request.ref);
    if (!target)
        co_return target.error();
    if (request.verb == "adopt") {
        if (target->record)
            co_return Error{Code::conflict, "the domain is the toolstack's already", {}};
        co_return co_await submit_adopt(ctx, request, *target);
    }
    if (target->record == nullptr)
        co_return co_await submit_foreign(ctx, request, *target);
    co_return co_await submit_ours(ctx, request, target->uuid);
}

Answer<CheckResult> check_create(Context& ctx, rpc::DomainConfig config)
{
    const auto guard = co_await ctx.reserving.acquire();
    boost::json::object args{{"config", rpc::to_json(config)}};
    Batch batch;
    batch.ops.emplace_back();
    auto admitted = co_await admit_create(ctx, batch, args);
    if (!admitted)
        co_return admitted.error();
    const DomainRow& domain = batch.domains.front();
    ctx.promised_kib.erase(domain.uuid);
    CheckResult result;
    result.config = domain.config;
    result.steps = {"reserve " + std::to_string(domain.config.memory_mib) + " MiB of memory"};
    for (const rpc::DiskConfig& disk : domain.config.disks)
        result.steps.push_back("reserve disk " + disk.vdev + " " + disk.target);
    for (const rpc::NicConfig& nic : domain.config.nics)
        result.steps.push_back(
            "reserve mac " + nic.mac + " for " +
            (nic.gatewaydev.empty() ? "bridge " + nic.bridge : "routes beside " + nic.gatewaydev)
        );
    for (const char* step :
         {"create the domain in Xen, paused",
          "load the kernel ",
          "open the disks and network interfaces",
          "write xenstore",
          "run it"})
        result.steps.push_back(step);
    co_return result;
}

} // namespace zocalo::toolstack
