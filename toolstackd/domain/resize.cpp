// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/resize.hpp"

#include "common/rpc/bodies.hpp"
#include "common/rpc/json.hpp"
#include "toolstackd/domain/reservation.hpp"
#include "toolstackd/domain/tree.hpp"
#include "toolstackd/sys/failpoint.hpp"

namespace zocalo::toolstack {
namespace {

// What libxl allows a guest above its target (LIBXL_MAXMEM_CONSTANT), in KiB.
constexpr std::uint64_t kSlackKib = 1024;

bool in_xen(const Record& record)
{
    return record.instance.phase == Phase::running || record.instance.phase == Phase::preserved;
}

Answer<Unit> write_guarded(Context& ctx, const Record& record, std::vector<StoreChange> changes)
{
    std::vector<StoreGuard> guards{owner_guard(record.domain.uuid, record.domid())};
    failpoint("store.resize:before");
    auto written = co_await ctx.store.commit(std::move(changes), std::move(guards));
    failpoint("store.resize:after");
    co_return written;
}

Answer<Unit> limit_memory(Context& ctx, const Record& record, std::uint64_t kib)
{
    failpoint("hv.set_max_memory:before");
    auto limited = co_await ctx.hv.set_max_memory(record.domid(), kib + kSlackKib);
    failpoint("hv.set_max_memory:after");
    co_return limited;
}

Answer<Unit> live_memory(Context& ctx, Record& record, const rpc::DomainConfig& config)
{
    const rpc::DomainConfig& now = record.domain.config;
    const std::string memory = domain_path(record.domid()) + "/memory/";
    std::vector<StoreChange> changes;
    if (config.memory_mib > now.memory_mib) {
        auto enough = co_await check_memory(ctx, (config.memory_mib - now.memory_mib) * 1024);
        if (!enough)
            co_return enough.error();
    }
    if (config.maxmem_mib != now.maxmem_mib)
        changes.push_back(
            {StoreChange::Kind::write,
             memory + "static-max",
             std::to_string(config.maxmem_mib * 1024),
             {}}
        );
    if (config.memory_mib != now.memory_mib)
        changes.push_back(
            {StoreChange::Kind::write,
             memory + "target",
             std::to_string(config.memory_mib * 1024),
             {}}
        );
    if (changes.empty())
        co_return Unit{};
    auto limited = co_await limit_memory(ctx, record, config.memory_mib * 1024);
    if (!limited)
        co_return limited.error();
    co_return co_await write_guarded(ctx, record, std::move(changes));
}

Answer<Unit> live_scheduler(Context& ctx, Record& record, const rpc::SchedConfig& parameters)
{
    failpoint("hv.set_scheduler:before");
    auto set = co_await ctx.hv.set_scheduler(record.domid(), parameters);
    failpoint("hv.set_scheduler:after");
    co_return set;
}

void keep(Context& ctx, const Record& record, Batch& batch, rpc::DomainConfig config)
{
    DomainRow domain = record.domain;
    domain.config = std::move(config);
    domain.generation += 1;
    batch.domains.push_back(std::move(domain));
    batch.events.push_back(event_of(ctx, record, "domain.config"));
}

void set_masks(
    std::vector<std::string>& masks,
    const rpc::AffinityBody& body,
    const std::optional<std::string>& mask,
    std::uint32_t maxvcpus
)
{
    if (!mask)
        return;
    if (!body.vcpu) {
        masks = {*mask};
        return;
    }
    if (masks.size() <= 1)
        masks.assign(maxvcpus, masks.empty() ? "all" : masks.front());
    masks.resize(maxvcpus, "all");
    masks[*body.vcpu] = *mask;
}

} // namespace

Answer<bool> set_memory(Context& ctx, Record& record, OpRow& op, Batch& batch)
{
    auto body = rpc::from_json<rpc::MemoryBody>(op.args, "");
    if (!body)
        co_return body.error();
    rpc::DomainConfig config = record.domain.config;
    config.maxmem_mib = body->max_mib.value_or(config.maxmem_mib);
    config.memory_mib = body->target_mib.value_or(config.memory_mib);
    if (config.memory_mib < 4 || config.memory_mib > config.maxmem_mib)
        co_return Error{
            Code::usage,
            "memory: " + std::to_string(config.memory_mib) + " MiB is outside 4 … " +
                std::to_string(config.maxmem_mib) + " (maxmem)",
            "raise maxmem first"};
    if (in_xen(record)) {
        const auto guard = co_await ctx.reserving.acquire();
        auto done = co_await live_memory(ctx, record, config);
        if (!done)
            co_return done.error();
    }
    keep(ctx, record, batch, std::move(config));
    co_return true;
}

Answer<bool> set_vcpus(Context& ctx, Record& record, OpRow& op, Batch& batch)
{
    auto body = rpc::from_json<rpc::VcpusBody>(op.args, "");
    if (!body)
        co_return body.error();
    rpc::DomainConfig config = record.domain.config;
    if (body->count == 0 || body->count > config.maxvcpus)
        co_return Error{
            Code::usage,
            "vcpus: must be 1 … " + std::to_string(config.maxvcpus),
            "raise maxvcpus="};
    auto host = co_await ctx.hv.host();
    if (!host)
        co_return host.error();
    if (!body->ignore_host && body->count > host->cpus)
        co_return Error{
            Code::usage,
            "vcpus: the host has only " + std::to_string(host->cpus) + " CPUs",
            "use --ignore-host to overcommit"};
    config.vcpus = body->count;
    if (in_xen(record)) {
        auto written = co_await write_guarded(
            ctx, record, vcpu_nodes(record.domid(), config.vcpus, config.maxvcpus)
        );
        if (!written)
            co_return written.error();
    }
    keep(ctx, record, batch, std::move(config));
    co_return true;
}

Answer<bool> set_affinity(Context& ctx, Record& record, OpRow& op, Batch& batch)
{
    auto body = rpc::from_json<rpc::AffinityBody>(op.args, "");
    if (!body)
        co_return body.error();
    rpc::DomainConfig config = record.domain.config;
    if (body->vcpu && *body->vcpu >= config.maxvcpus)
        co_return Error{Code::usage, "the domain has no vCPU " + std::to_string(*body->vcpu), {}};
    if (in_xen(record)) {
        failpoint("hv.set_affinity:before");
        auto set = co_await ctx.hv.set_affinity(record.domid(), body->vcpu, body->hard, body->soft);
        failpoint("hv.set_affinity:after");
        if (!set)
            co_return set.error();
    }
    set_masks(config.cpus, *body, body->hard, config.maxvcpus);
    set_masks(config.cpus_soft, *body, body->soft, config.maxvcpus);
    keep(ctx, record, batch, std::move(config));
    co_return true;
}

Answer<bool> set_scheduler(Context& ctx, Record& record, OpRow& op, Batch& batch)
{
    auto body = rpc::from_json<rpc::SchedConfig>(op.args, "");
    if (!body)
        co_return body.error();
    rpc::DomainConfig config = record.domain.config;
    if (body->weight)
        config.sched.weight = body->weight;
    if (body->cap)
        config.sched.cap = body->cap;
    if (in_xen(record)) {
        auto set = co_await live_scheduler(ctx, record, *body);
        if (!set)
            co_return set.error();
    }
    keep(ctx, record, batch, std::move(config));
    co_return true;
}

Answer<Unit> resize_live(Context& ctx, Record& record, const rpc::DomainConfig& config)
{
    const rpc::DomainConfig& now = record.domain.config;
    auto memory = co_await live_memory(ctx, record, config);
    if (!memory)
        co_return memory.error();
    if (config.vcpus != now.vcpus && config.vcpus <= now.maxvcpus) {
        auto written = co_await write_guarded(
            ctx, record, vcpu_nodes(record.domid(), config.vcpus, now.maxvcpus)
        );
        if (!written)
            co_return written.error();
    }
    if (config.sched == now.sched)
        co_return Unit{};
    co_return co_await live_scheduler(ctx, record, config.sched);
}

bool mac_in_use(const Record& record, const rpc::DomainConfig& config, const std::string& mac)
{
    for (const rpc::NicConfig& nic : config.nics)
        if (nic.mac == mac)
            return true;
    for (const DeviceRow& row : record.devices)
        if (const auto* nic = std::get_if<rpc::NicConfig>(&row.config); nic && nic->mac == mac)
            return true;
    return false;
}

} // namespace zocalo::toolstack
