// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/xen_hypervisor.hpp"

#include "toolstackd/sys/deadline.hpp"

#include <utility>

namespace zocalo::toolstack {
namespace {

using namespace std::chrono_literals;

constexpr auto kQuickLimit = 10s;
constexpr auto kCreateLimit = 60s;
constexpr auto kBuildLimit = 10min;
constexpr auto kDestroyLimit = 30min;
constexpr auto kDumpLimit = 60min;

std::string words(DomId domid)
{
    return "domain " + std::to_string(domid.value);
}

// One mask for all vCPUs, or one for each.
Outcome<Unit> pin_all(XenCalls& calls, DomId domid, const rpc::DomainConfig& config)
{
    const std::uint32_t last = std::max(config.vcpus, config.maxvcpus) - 1;
    if (config.cpus.size() == 1)
        TRY(calls.set_affinity(domid, 0, last, config.cpus.front(), std::nullopt));
    else
        for (std::uint32_t i = 0; i < config.cpus.size() && i <= last; ++i)
            TRY(calls.set_affinity(domid, i, i, config.cpus[i], std::nullopt));
    if (config.cpus_soft.size() == 1)
        TRY(calls.set_affinity(domid, 0, last, std::nullopt, config.cpus_soft.front()));
    else
        for (std::uint32_t i = 0; i < config.cpus_soft.size() && i <= last; ++i)
            TRY(calls.set_affinity(domid, i, i, std::nullopt, config.cpus_soft[i]));
    return Unit{};
}

Outcome<DomId> create_now(
    XenCalls& calls,
    const DomainBuilder& builder,
    const rpc::Uuid& uuid,
    const rpc::DomainConfig& config
)
{
    const DomId domid = TRY(builder.create(uuid, config));
    auto placed = pin_all(calls, domid, config);
    if (placed)
        placed = calls.set_scheduler(domid, config.sched);
    if (placed)
        return domid;
    static_cast<void>(calls.destroy(domid));
    return placed.error();
}

} // namespace

XenHypervisor::XenHypervisor(
    boost::asio::any_io_executor executor,
    std::shared_ptr<XenCalls> calls,
    DomainBuilder builder,
    unsigned threads
)
    : executor_(std::move(executor)), calls_(std::move(calls)),
      builder_(std::make_shared<DomainBuilder>(std::move(builder))), quick_("xen", 2),
      slow_("xen-build", threads)
{
}

template <class T>
Answer<T> XenHypervisor::quick(std::function<Outcome<T>()> work, std::string what)
{
    return within<T>(executor_, quick_, kQuickLimit, std::move(what), std::move(work));
}

template <class T>
Answer<T> XenHypervisor::slow(
    std::function<Outcome<T>()> work, std::string what, std::chrono::milliseconds limit
)
{
    return within<T>(executor_, slow_, limit, std::move(what), std::move(work));
}

// One hypercall that only reads, or sets a flag, is over in less time than a thread needs to wake
// up: these are made where they are asked for.
Answer<std::vector<LiveDomain>> XenHypervisor::list()
{
    co_return calls_->list();
}

Answer<LiveDomain> XenHypervisor::find(DomId domid)
{
    co_return calls_->find(domid);
}

Answer<DomId> XenHypervisor::create(const rpc::Uuid& uuid, const rpc::DomainConfig& config)
{
    return slow<DomId>(
        [c = calls_, b = builder_, uuid, config] { return create_now(*c, *b, uuid, config); },
        "creating " + config.name,
        kCreateLimit
    );
}

Answer<Wiring> XenHypervisor::build(DomId domid, const rpc::DomainConfig& config)
{
    return slow<Wiring>(
        [b = builder_, domid, config] { return b->build(domid, config); },
        "building " + config.name,
        kBuildLimit
    );
}

Answer<Unit> XenHypervisor::pause(DomId domid)
{
    return quick<Unit>([c = calls_, domid] { return c->pause(domid); }, "pausing " + words(domid));
}

Answer<Unit> XenHypervisor::unpause(DomId domid)
{
    co_return calls_->unpause(domid);
}

Answer<Unit> XenHypervisor::destroy(DomId domid)
{
    return slow<Unit>(
        [c = calls_, domid] { return c->destroy(domid); },
        "destroying " + words(domid),
        kDestroyLimit
    );
}

Answer<Unit> XenHypervisor::set_handle(DomId domid, const rpc::Uuid& uuid)
{
    return quick<Unit>(
        [c = calls_, domid, uuid] { return c->set_handle(domid, uuid); },
        "setting the uuid of " + words(domid)
    );
}

Answer<CoreDump> XenHypervisor::dump_core(DomId domid, std::string name, GiveUp give_up)
{
    std::function<Outcome<CoreDump>()> work = [b = builder_, domid, name, give_up] {
        return b->dump(domid, name, give_up);
    };
    auto dumped = co_await slow<CoreDump>(std::move(work), "dumping " + words(domid), kDumpLimit);
    if (!dumped)
        *give_up = true; // also when it is only late
    co_return dumped;
}

Answer<Unit> XenHypervisor::set_max_memory(DomId domid, std::uint64_t kib)
{
    return quick<Unit>(
        [c = calls_, domid, kib] { return c->set_max_memory(domid, kib); },
        "setting the memory limit of " + words(domid)
    );
}

Answer<Unit> XenHypervisor::set_affinity(
    DomId domid,
    std::optional<std::uint32_t> vcpu,
    std::optional<std::string> hard,
    std::optional<std::string> soft
)
{
    return quick<Unit>(
        [c = calls_, domid, vcpu, hard = std::move(hard), soft = std::move(soft)](
        ) -> Outcome<Unit> {
            const LiveDomain domain = TRY(c->find(domid));
            if (vcpu && *vcpu > domain.max_vcpu_id)
                return Error{
                    Code::usage,
                    words(domid) + " has no vCPU " + std::to_string(*vcpu),
                    "see `zl vcpu-list`"};
            return c->set_affinity(
                domid, vcpu.value_or(0), vcpu.value_or(domain.max_vcpu_id), hard, soft
            );
        },
        "pinning " + words(domid)
    );
}

Answer<rpc::SchedConfig> XenHypervisor::scheduler(DomId domid)
{
    return quick<rpc::SchedConfig>(
        [c = calls_, domid] { return c->scheduler(domid); }, words(domid)
    );
}

Answer<Unit> XenHypervisor::set_scheduler(DomId domid, rpc::SchedConfig parameters)
{
    return quick<Unit>(
        [c = calls_, domid, parameters] { return c->set_scheduler(domid, parameters); },
        words(domid)
    );
}

Answer<std::vector<rpc::VcpuView>> XenHypervisor::vcpus(DomId domid)
{
    return quick<std::vector<rpc::VcpuView>>(
        [c = calls_, domid] { return c->vcpus(domid); }, words(domid)
    );
}

Answer<rpc::HostView> XenHypervisor::host()
{
    return quick<rpc::HostView>([c = calls_] { return c->host(); }, "asking for the host");
}

Answer<std::uint64_t> XenHypervisor::free_memory_kib()
{
    auto bytes = calls_->free_memory();
    if (!bytes)
        co_return bytes.error();
    co_return *bytes >> 10U;
}

Answer<std::string> XenHypervisor::dmesg(bool clear)
{
    return quick<std::string>([c = calls_, clear] { return c->dmesg(clear); }, "reading dmesg");
}

} // namespace zocalo::toolstack
