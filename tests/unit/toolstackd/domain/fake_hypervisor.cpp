// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/domain/fake_world.hpp"

namespace zocalo::toolstack::testing {
namespace {

Error away()
{
    return {Code::unreachable, "Xen does not answer", {}};
}
Error no_domain()
{
    return {Code::not_found, "no such domain", {}};
}

class FakeHypervisor final : public Hypervisor {
  public:
    explicit FakeHypervisor(FakeWorld& world) : world_{world} {}

    Answer<std::vector<LiveDomain>> list() override
    {
        co_await world_.pass_time();
        if (!world_.hv_up)
            co_return away();
        std::vector<LiveDomain> all;
        for (const auto& [domid, guest] : world_.guests)
            all.push_back(guest.live);
        co_return all;
    }

    Answer<LiveDomain> find(DomId domid) override
    {
        co_await world_.pass_time();
        if (!world_.hv_up)
            co_return away();
        const Guest* guest = world_.guest(domid);
        if (guest == nullptr)
            co_return no_domain();
        co_return guest->live;
    }

    Answer<DomId> create(const rpc::Uuid& uuid, const rpc::DomainConfig& config) override
    {
        co_await world_.pass_time();
        if (!world_.hv_up)
            co_return away();
        if (world_.fails("create"))
            co_return Error{Code::failed, "createdomain failed", {}};
        for (const auto& [domid, guest] : world_.guests)
            if (guest.live.handle == uuid)
                world_.violate("two domains in Xen for one uuid");
        while (world_.guests.contains(DomId{world_.next_domid}))
            world_.next_domid = next(world_.next_domid);
        Guest guest;
        guest.live.domid = DomId{world_.next_domid};
        world_.next_domid = next(world_.next_domid);
        guest.live.handle = uuid;
        guest.live.paused = true;
        guest.live.max_vcpu_id = config.maxvcpus - 1;
        guest.live.vcpus_online = config.vcpus;
        guest.live.max_memory_kib = config.maxmem_mib * 1024;
        world_.guests[guest.live.domid] = guest;
        co_return guest.live.domid;
    }

    Answer<Wiring> build(DomId domid, const rpc::DomainConfig& config) override
    {
        co_await world_.pass_time();
        Guest* guest = world_.guest(domid);
        if (!world_.hv_up)
            co_return away();
        if (guest == nullptr)
            co_return no_domain();
        if (world_.fails("build") || world_.behaviour.bad_kernel)
            co_return Error{Code::failed, "the kernel is not a kernel", {}};
        if (guest->ran)
            world_.violate("a domain that ran was built again");
        if (config.memory_mib * 1024 > world_.free_kib())
            world_.violate("more memory was promised than there is");
        guest->live.memory_kib = config.memory_mib * 1024;
        guest->built = true;
        co_return Wiring{100, 101, EventPort{1}, EventPort{2}};
    }

    Answer<Unit> pause(DomId domid) override
    {
        co_await world_.pass_time();
        Guest* guest = world_.guest(domid);
        if (guest == nullptr)
            co_return no_domain();
        guest->live.paused = true;
        co_return Unit{};
    }

    Answer<Unit> unpause(DomId domid) override
    {
        co_await world_.pass_time();
        Guest* guest = world_.guest(domid);
        if (!world_.hv_up)
            co_return away();
        if (guest == nullptr)
            co_return no_domain();
        if (!guest->built && !guest->foreign)
            world_.violate("an unfinished domain was unpaused");
        if (!guest->ran)
            ++world_.runs[guest->live.handle];
        guest->ran = true;
        guest->live.paused = false;
        guest->live.cpu_time_ns = 1;
        co_return Unit{};
    }

    Answer<Unit> destroy(DomId domid) override
    {
        co_await world_.pass_time();
        Guest* guest = world_.guest(domid);
        if (!world_.hv_up)
            co_return away();
        if (guest == nullptr)
            co_return no_domain();
        const bool asked = world_.may_destroy.contains(guest->live.handle);
        if (guest->foreign && !asked)
            world_.violate("a foreign domain was destroyed");
        if (guest->ran && !guest->live.shutdown && !asked)
            world_.violate("a domain that ran was destroyed and nobody asked");
        guest->live.dying = true;
        guest->reap_at = world_.clock.now_ms() + world_.behaviour.dying_ms;
        co_return Unit{};
    }

    Answer<Unit> set_handle(DomId domid, const rpc::Uuid& uuid) override
    {
        co_await world_.pass_time();
        Guest* guest = world_.guest(domid);
        if (guest == nullptr)
            co_return no_domain();
        for (const auto& [other, there] : world_.guests)
            if (other != domid && there.live.handle == uuid)
                world_.violate("two domains in Xen for one uuid");
        guest->live.handle = uuid;
        co_return Unit{};
    }

    Answer<CoreDump> dump_core(DomId domid, std::string name, GiveUp give_up) override
    {
        co_await world_.pass_time();
        Guest* guest = world_.guest(domid);
        if (guest == nullptr)
            co_return no_domain();
        if (!guest->live.shutdown)
            world_.violate("a domain that runs was dumped");
        if (world_.fails("dump"))
            co_return Error{Code::failed, "no room for the core file", {}};
        const std::int64_t end = world_.clock.now_ms() + world_.behaviour.dump_ms;
        while (world_.clock.now_ms() < end && !*give_up)
            co_await world_.sleep(10);
        if (*give_up)
            co_return Error{Code::failed, "the core file was given up", {}};
        world_.cores.insert(name);
        co_return CoreDump{"/dumps/" + name, 4096};
    }

    Answer<Unit> set_max_memory(DomId domid, std::uint64_t kib) override
    {
        co_await world_.pass_time();
        Guest* guest = world_.guest(domid);
        if (guest == nullptr)
            co_return no_domain();
        guest->live.max_memory_kib = kib;
        co_return Unit{};
    }
    Answer<Unit>
    set_affinity(DomId domid, std::optional<std::uint32_t>, std::optional<std::string>, std::optional<std::string>)
        override
    {
        co_await world_.pass_time();
        if (world_.guest(domid) == nullptr)
            co_return no_domain();
        co_return Unit{};
    }
    Answer<rpc::SchedConfig> scheduler(DomId) override
    {
        co_await world_.pass_time();
        co_return rpc::SchedConfig{256, 0};
    }
    Answer<Unit> set_scheduler(DomId domid, rpc::SchedConfig) override
    {
        co_await world_.pass_time();
        if (world_.guest(domid) == nullptr)
            co_return no_domain();
        co_return Unit{};
    }
    Answer<std::vector<rpc::VcpuView>> vcpus(DomId) override
    {
        co_await world_.pass_time();
        co_return std::vector<rpc::VcpuView>{};
    }
    Answer<rpc::HostView> host() override
    {
        co_await world_.pass_time();
        if (!world_.hv_up)
            co_return away();
        rpc::HostView view;
        view.cpus = 4;
        view.total_memory_kib = world_.total_kib;
        view.free_memory_kib = world_.free_kib();
        co_return view;
    }
    Answer<std::uint64_t> free_memory_kib() override
    {
        auto view = co_await host();
        if (!view)
            co_return view.error();
        co_return view->free_memory_kib;
    }
    Answer<std::string> dmesg(bool) override { co_return std::string("(XEN) fake\n"); }

  private:
    std::uint16_t next(std::uint16_t domid) const
    {
        return domid >= world_.last_domid ? 1 : static_cast<std::uint16_t>(domid + 1);
    }
    FakeWorld& world_;
};

} // namespace

std::unique_ptr<Hypervisor> make_fake_hypervisor(FakeWorld& world)
{
    return std::make_unique<FakeHypervisor>(world);
}

} // namespace zocalo::toolstack::testing
