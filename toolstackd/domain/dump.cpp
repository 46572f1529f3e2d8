// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/dump.hpp"

#include "toolstackd/sys/failpoint.hpp"

#include <array>
#include <ctime>

namespace zocalo::toolstack {
namespace {

Answer<CoreDump> write_core(Context& ctx, const Record& record)
{
    const rpc::Uuid uuid = record.domain.uuid;
    auto give_up = std::make_shared<std::atomic<bool>>(ctx.stopping);
    for (const OpRow& op : ctx.book.active(rpc::text(uuid)))
        if (op.verb == "destroy")
            *give_up = true;
    ctx.dumps[uuid] = give_up;
    failpoint("hv.dump_core:before");
    auto written = co_await ctx.hv.dump_core(record.domid(), core_name(record), give_up);
    failpoint("hv.dump_core:after");
    ctx.dumps.erase(uuid);
    co_return written;
}

} // namespace

std::string utc_stamp(std::int64_t unix_ms)
{
    const std::time_t seconds = unix_ms / 1000;
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    const std::size_t size = std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts);
    return {text.data(), size};
}

std::string core_name(const Record& record)
{
    return record.domain.name + "-" + std::to_string(record.instance.boot_seq) + "-" +
           utc_stamp(record.instance.exit_ms) + ".core";
}

Answer<Unit> dump(Context& ctx, Record& record, const Observation& seen)
{
    Outcome<CoreDump> written = Error{Code::not_found, "the domain went away before", {}};
    if (seen.domain && !seen.domain->dying)
        written = co_await write_core(ctx, record);
    if (!written && (ctx.stopping || written.error().code == Code::unreachable))
        co_return written.error(); // the next start of the daemon, or of Xen's answers, dumps it
    Batch batch;
    InstanceRow instance = record.instance;
    instance.phase = Phase::ending;
    batch.instances.push_back(std::move(instance));
    boost::json::object body{{"boot_seq", record.instance.boot_seq}};
    if (written) {
        body["path"] = written->path;
        body["bytes"] = written->bytes;
    } else {
        body["error"] = describe(written.error());
    }
    const char* kind = written ? "domain.dumped" : "domain.dump_failed";
    batch.events.push_back(event_of(ctx, record, kind, std::move(body)));
    co_return co_await ctx.commit_for_this_boot(std::move(batch));
}

} // namespace zocalo::toolstack
