// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/domain/fake_world.hpp"

namespace zocalo::toolstack::testing {
namespace {

DeviceKey device_key(const DeviceConfig& config)
{
    if (const auto* disk = std::get_if<rpc::DiskConfig>(&config))
        return {DeviceKind::disk, disk->devid.value_or(0)};
    return {DeviceKind::nic, std::get<rpc::NicConfig>(config).devid.value_or(0)};
}

std::string kind_of(DeviceKey key)
{
    return key.kind == DeviceKind::disk ? "vbd" : "vif";
}
std::string frontend(DomId domid, DeviceKey key)
{
    return "/local/domain/" + std::to_string(domid.value) + "/device/" + kind_of(key) + "/" +
           std::to_string(key.devid);
}
// Not the kinds of the frontends, as in the real one.
std::string backend_kind(DeviceKind kind)
{
    return kind == DeviceKind::disk ? "zblk" : "znet";
}
std::string backend(DomId domid, DeviceKey key)
{
    return "/local/domain/0/zocalo/backend/" + backend_kind(key.kind) + "/" +
           std::to_string(domid.value) + "/" + std::to_string(key.devid);
}

class FakeDevices final : public Devices {
  public:
    explicit FakeDevices(FakeWorld& world) : world_{world} {}

    Answer<std::vector<StoreChange>>
    prepare(const DeviceOwner& owner, std::vector<DeviceConfig> devices) override
    {
        co_await world_.pass_time();
        if (world_.fails("prepare"))
            co_return Error{Code::failed, "no such image", {}};
        std::vector<StoreChange> changes;
        for (const DeviceConfig& config : devices) {
            check_exclusive(owner.uuid, config);
            auto& process = world_.processes[owner.uuid];
            process.domid = owner.domid;
            process.pid = process.pid ? process.pid : world_.next_pid++;
            process.devices[device_key(config)] = config;
            const DeviceKey key = device_key(config);
            changes.push_back(
                {StoreChange::Kind::write, frontend(owner.domid, key) + "/state", "1", {}}
            );
            changes.push_back(
                {StoreChange::Kind::write, backend(owner.domid, key) + "/state", "2", {}}
            );
        }
        co_return changes;
    }

    Answer<Unit> follow(const DeviceOwner& owner, std::vector<DeviceConfig> devices) override
    {
        co_await world_.pass_time();
        if (!world_.store_up)
            co_return Error{Code::unreachable, "xenstored does not answer", {}};
        for (const DeviceConfig& config : devices)
            if (!world_.nodes.contains(frontend(owner.domid, device_key(config)) + "/state"))
                world_.violate("a device without nodes is followed");
        world_.followed.insert(owner.uuid);
        co_return Unit{};
    }

    Answer<Unit> wait_connected(
        const rpc::Uuid& uuid, DeviceKey device, std::chrono::milliseconds limit
    ) override
    {
        const std::int64_t end = world_.clock.now_ms() + limit.count();
        const std::int64_t ready = world_.clock.now_ms() + world_.behaviour.connect_ms;
        while (true) {
            co_await world_.pass_time();
            const Guest* guest = world_.guest_of(uuid);
            if (guest == nullptr || guest->live.shutdown)
                co_return Error{Code::failed, "the domain has ended", {}};
            const DomId domid = guest->live.domid;
            if (world_.connected.contains({domid, device}))
                co_return Unit{};
            if (world_.behaviour.connects && world_.clock.now_ms() >= ready) {
                world_.connected.insert({domid, device});
                co_return Unit{};
            }
            if (world_.clock.now_ms() >= end)
                co_return Error{Code::timeout, "the guest did not connect", {}};
            co_await world_.sleep(10);
        }
    }

    Answer<Unit> detach(
        const DeviceOwner& owner, DeviceKey device, bool force, std::chrono::milliseconds limit
    ) override
    {
        co_await world_.pass_time();
        const auto process = world_.processes.find(owner.uuid);
        if (process == world_.processes.end() || !process->second.devices.contains(device))
            co_return Error{Code::not_found, "no such device", {}};
        if (!force && !world_.behaviour.lets_go) {
            co_await world_.sleep(limit.count());
            co_return Error{Code::timeout, "the guest holds on", {}};
        }
        co_await world_.sleep(5);
        const auto still = world_.processes.find(owner.uuid);
        if (still != world_.processes.end()) {
            still->second.devices.erase(device);
            if (still->second.devices.empty())
                world_.processes.erase(still);
        }
        world_.connected.erase({owner.domid, device});
        co_return Unit{};
    }

    std::vector<StoreChange>
    nodes_to_remove(const DeviceOwner& owner, DeviceKey device) const override
    {
        return {
            {StoreChange::Kind::remove, frontend(owner.domid, device), {}, {}},
            {StoreChange::Kind::remove, backend(owner.domid, device), {}, {}}};
    }

    std::vector<StoreChange> stale_nodes(DomId domid) const override
    {
        std::vector<StoreChange> changes;
        for (const char* kind : {"zblk/", "znet/"})
            changes.push_back(
                {StoreChange::Kind::remove,
                 std::string("/local/domain/0/zocalo/backend/") + kind +
                     std::to_string(domid.value),
                 {},
                 {}}
            );
        return changes;
    }

    Answer<Unit> release_all(const rpc::Uuid& uuid, DomId domid) override
    {
        co_await world_.pass_time();
        for (const auto& [there, guest] : world_.guests)
            if (guest.live.handle == uuid && !guest.live.dying && !guest.live.shutdown &&
                !guest.live.paused)
                world_.violate("the devices of a running domain were released");
        world_.processes.erase(uuid);
        world_.followed.erase(uuid);
        std::erase_if(world_.connected, [&](const auto& c) { return c.first == domid; });
        co_return Unit{};
    }

    Answer<Unit> free_loop(const std::string& path, const std::string& file) override
    {
        world_.freed_loops.push_back(path + " " + file);
        co_return Unit{};
    }

    Answer<std::vector<rpc::DiskView>> disks(const DeviceOwner&) override
    {
        co_return std::vector<rpc::DiskView>{};
    }
    Answer<std::vector<rpc::NicView>> nics(const DeviceOwner&) override
    {
        co_return std::vector<rpc::NicView>{};
    }
    Answer<Unit>
    set_limits(const DeviceOwner& owner, DeviceKey device, const rpc::LimitConfig& limits) override
    {
        auto& known = world_.processes[owner.uuid].devices;
        const auto found = known.find(device);
        if (found == known.end())
            co_return Error{Code::not_found, "the domain has no such device", {}};
        std::get<rpc::DiskConfig>(found->second).limits = limits;
        co_return Unit{};
    }
    Answer<Unit> measure(const DeviceOwner& owner, DeviceKey device) override
    {
        if (!world_.processes[owner.uuid].devices.contains(device))
            co_return Error{Code::not_found, "the domain has no such device", {}};
        co_return Unit{};
    }
    Answer<Unit> change_medium(const DeviceOwner& owner, rpc::DiskConfig disk) override
    {
        co_await world_.pass_time();
        auto& known = world_.processes[owner.uuid].devices;
        const auto found = known.find(key_of(disk));
        if (found == known.end())
            co_return Error{Code::not_found, "the domain has no such device", {}};
        check_exclusive(owner.uuid, disk);
        found->second = disk;
        co_return Unit{};
    }
    Answer<std::vector<rpc::DeviceStats>> stats(const DeviceOwner&) override
    {
        co_return std::vector<rpc::DeviceStats>{};
    }
    Answer<DeviceRemains> survey() override
    {
        co_await world_.pass_time();
        DeviceRemains remains;
        for (const auto& [uuid, process] : world_.processes)
            remains.processes.push_back({uuid, DeviceKind::disk, process.pid});
        for (const auto& [path, value] : world_.nodes)
            for (const char* kind : {"zblk/", "znet/"})
                if (const auto domid =
                        domid_in(path, std::string("/local/domain/0/zocalo/backend/") + kind))
                    remains.backends.push_back(DomId{*domid});
        co_return remains;
    }
    void on_notice(Notice notice) override { world_.notice = std::move(notice); }

  private:
    void check_exclusive(const rpc::Uuid& uuid, const DeviceConfig& config)
    {
        const auto* mine = std::get_if<rpc::DiskConfig>(&config);
        if (mine == nullptr)
            return;
        for (const auto& [other, process] : world_.processes)
            for (const auto& [key, device] : process.devices) {
                const auto* theirs = std::get_if<rpc::DiskConfig>(&device);
                if (theirs && other != uuid && theirs->target == mine->target &&
                    !(theirs->readonly && mine->readonly))
                    world_.violate("a writable disk was opened for two domains");
            }
    }
    FakeWorld& world_;
};

} // namespace

std::unique_ptr<Devices> make_fake_devices(FakeWorld& world)
{
    return std::make_unique<FakeDevices>(world);
}

} // namespace zocalo::toolstack::testing
