// SPDX-License-Identifier: Apache-2.0
// device_driver: the daemon's edges (xenstore client, Xen calls, builder, devices) on a real
// hypervisor without the daemon: one domain with a disk and a network card, a daemon's restart
// played by new objects, hot attach and detach, and a look at what is left. One line for each
// check: "ok NAME" or "not ok NAME: WHY". Used by device_real.sh.
#include "toolstackd/build/builder.hpp"
#include "toolstackd/build/xenctrl_port.hpp"
#include "toolstackd/device/xen_devices.hpp"
#include "toolstackd/domain/tree.hpp"
#include "toolstackd/sys/xen_hypervisor.hpp"
#include "toolstackd/xenstore/xen_store.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

using namespace zocalo;
using namespace zocalo::toolstack;
using namespace std::chrono_literals;
namespace asio = boost::asio;

constexpr DeviceKey kDisk{DeviceKind::disk, 51712}, kSecond{DeviceKind::disk, 51728};
constexpr DeviceKey kNic{DeviceKind::nic, 0};
bool failed = false;

void say(const char* name, const std::string& why)
{
    failed = failed || !why.empty();
    std::printf(why.empty() ? "ok %s\n" : "not ok %s: %s\n", name, why.c_str());
    std::fflush(stdout);
}

template <class T> bool check(const char* name, const Outcome<T>& outcome)
{
    say(name, outcome ? "" : describe(outcome.error()));
    return outcome.has_value();
}

struct World {
    World(asio::io_context& io, rpc::DomainConfig c)
        : executor(io.get_executor()), config(std::move(c)), store(executor, {})
    {
    }
    asio::any_io_executor executor;
    rpc::DomainConfig config;
    rpc::Uuid uuid = rpc::random_uuid();
    XenStore store;
    std::unique_ptr<XenctrlPort> port;
    KernelStore kernels{""};
    std::unique_ptr<XenHypervisor> hv;
    std::shared_ptr<ProcessLauncher> launcher =
        std::make_shared<ProcessLauncher>(LauncherOptions{});
    std::unique_ptr<XenDevices> devices;
    DeviceOwner owner;

    void restart()
    {
        devices.reset();
        devices = std::make_unique<XenDevices>(executor, store, launcher);
    }
    std::vector<DeviceConfig> all() const { return {config.disks.front(), config.nics.front()}; }
};

GuestSpec spec_of(const rpc::Uuid& uuid, const rpc::DomainConfig& config)
{
    GuestSpec spec;
    spec.pvh = config.type == rpc::GuestType::pvh;
    spec.kernel = config.kernel;
    spec.ramdisk = config.ramdisk;
    spec.cmdline = config.cmdline;
    spec.memory_mib = config.memory_mib;
    spec.maxvcpus = config.maxvcpus;
    spec.uuid = uuid.bytes;
    return spec;
}

DomainBuilder builder_of(World& world)
{
    return {
        [&world](const rpc::Uuid& uuid, const rpc::DomainConfig& config) {
            return create_domain(*world.port, spec_of(uuid, config));
        },
        [&world](DomId domid, const rpc::DomainConfig& config) -> Outcome<Wiring> {
            const BuiltDomain built =
                TRY(build_domain(*world.port, world.kernels, domid, spec_of(world.uuid, config)));
            return Wiring{
                built.store_frame, built.console_frame, built.store_port, built.console_port};
        }};
}

asio::awaitable<bool> start(World& world)
{
    auto domid = co_await world.hv->create(world.uuid, world.config);
    if (!check("create", domid))
        co_return false;
    world.owner = {world.uuid, *domid, world.config.name};
    auto wiring = co_await world.hv->build(*domid, world.config);
    if (!check("build", wiring))
        co_return false;
    auto nodes = co_await world.devices->prepare(world.owner, world.all());
    if (!check("prepare", nodes))
        co_return false;
    auto changes = domain_tree(world.uuid, *domid, world.config, *wiring, 1'000'000);
    for (StoreChange& change : *nodes)
        changes.push_back(std::move(change));
    // A guest whose console nobody reads spins once the ring is full; xenconsoled reads it here.
    changes.push_back(
        {StoreChange::Kind::write, domain_path(*domid) + "/console/type", "xenconsoled", {}}
    );
    const auto before = world.store.request_count();
    auto committed = co_await world.store.commit(std::move(changes), {});
    std::printf(
        "# xenstore requests of the create: %llu\n",
        static_cast<unsigned long long>(world.store.request_count() - before)
    );
    if (!check("commit", committed))
        co_return false;
    auto introduced =
        co_await world.store.introduce(*domid, wiring->store_frame, wiring->store_port);
    check("introduce", introduced);
    auto followed = co_await world.devices->follow(world.owner, world.all());
    check("follow", followed);
    auto running = co_await world.hv->unpause(*domid);
    co_return check("unpause", running);
}

asio::awaitable<void> connect_and_restart(World& world)
{
    auto disk = co_await world.devices->wait_connected(world.uuid, kDisk, 60s);
    check("disk connects", disk);
    auto nic = co_await world.devices->wait_connected(world.uuid, kNic, 60s);
    check("nic connects", nic);
    world.restart();
    auto followed = co_await world.devices->follow(world.owner, world.all());
    check("follow after a restart", followed);
    disk = co_await world.devices->wait_connected(world.uuid, kDisk, 100ms);
    check("disk still connected", disk);
    nic = co_await world.devices->wait_connected(world.uuid, kNic, 100ms);
    check("nic still connected", nic);
    std::fflush(stdout);
    const std::string id = std::to_string(world.owner.domid.value);
    const std::string show = "xl list; xl block-list " + id + "; xl network-list " + id +
                             "; xenstore-ls -fp | grep -E '/(device|zblk|znet)/'; "
                             "systemctl list-units --no-legend 'zocalo-*.scope'";
    if (std::system(show.c_str()) != 0)
        say("xl beside us", "it failed");
    auto vcpus = co_await world.hv->vcpus(world.owner.domid);
    check("vcpus", vcpus);
    auto scheduler = co_await world.hv->scheduler(world.owner.domid);
    check("scheduler", scheduler);
}

asio::awaitable<void> plug(World& world, const rpc::DiskConfig& second)
{
    std::vector<DeviceConfig> configs{second};
    auto nodes = co_await world.devices->prepare(world.owner, configs);
    if (!check("prepare a second disk", nodes))
        co_return;
    std::vector<StoreGuard> guards{owner_guard(world.uuid, world.owner.domid)};
    auto written = co_await world.store.commit(*nodes, std::move(guards));
    check("commit its nodes", written);
    auto followed = co_await world.devices->follow(world.owner, configs);
    check("follow it", followed);
    auto connected = co_await world.devices->wait_connected(world.uuid, kSecond, 60s);
    check("second disk connects", connected);
    auto gone = co_await world.devices->detach(world.owner, kSecond, false, 60s);
    check("second disk detaches", gone);
    auto removed =
        co_await world.store.commit(world.devices->nodes_to_remove(world.owner, kSecond), {});
    check("its nodes go", removed);
}

asio::awaitable<void> end(World& world)
{
    auto destroyed = co_await world.hv->destroy(world.owner.domid);
    check("destroy", destroyed);
    auto released = co_await world.devices->release_all(world.uuid, world.owner.domid);
    check("release_all", released);
    std::vector<StoreChange> changes = tree_removal(world.uuid, world.owner.domid);
    for (const DeviceKey key : {kDisk, kNic})
        for (StoreChange& change : world.devices->nodes_to_remove(world.owner, key))
            changes.push_back(std::move(change));
    auto removed = co_await world.store.commit(std::move(changes), {});
    check("tree removed", removed);
    auto remains = co_await world.devices->survey();
    if (check("survey", remains))
        say("nothing remains",
            remains->processes.empty() && remains->taps.empty() && remains->frontends.empty() &&
                    remains->backends.empty()
                ? ""
                : "something does");
}

asio::awaitable<void> run(World& world, rpc::DiskConfig second)
{
    auto host = co_await world.hv->host();
    if (check("host", host))
        std::printf(
            "# Xen %s%s, %s, %llu MiB free\n",
            host->hypervisor_version.c_str(),
            host->hypervisor_extra.c_str(),
            host->scheduler.c_str(),
            static_cast<unsigned long long>(host->free_memory_kib >> 10)
        );
    auto dmesg = co_await world.hv->dmesg(false);
    check("dmesg", dmesg);
    const bool started = co_await start(world);
    if (started) {
        co_await connect_and_restart(world);
        co_await plug(world, second);
    }
    if (world.owner.domid.value != 0)
        co_await end(world);
}

} // namespace

// device_driver pv|pvh KERNEL RAMDISK IMAGE IMAGE2 BRIDGE
int main(int argc, char** argv)
{
    if (argc != 7)
        return 2;
    rpc::DomainConfig config;
    config.name = "device-real";
    config.type = std::string(argv[1]) == "pvh" ? rpc::GuestType::pvh : rpc::GuestType::pv;
    config.kernel = argv[2];
    config.ramdisk = argv[3];
    config.cmdline = "console=hvc0";
    config.memory_mib = 256;
    config.disks.push_back({.target = argv[4], .vdev = "xvda"});
    config.nics.push_back({.mac = "00:16:3e:00:00:07", .bridge = argv[6]});
    auto resolved = rpc::resolve(config);
    rpc::DiskConfig second{.target = argv[5], .vdev = "xvdb"};
    second.devid = kSecond.devid;
    if (!check("configuration", resolved))
        return 1;
    asio::io_context io;
    World world(io, *resolved);
    auto port = XenctrlPort::open();
    auto calls = XenCalls::open();
    if (!check("port", port) || !check("calls", calls))
        return 1;
    world.port = std::move(*port);
    world.hv = std::make_unique<XenHypervisor>(
        world.executor, std::shared_ptr<XenCalls>(std::move(*calls)), builder_of(world)
    );
    world.restart();
    asio::co_spawn(io, run(world, second), [&io](std::exception_ptr) { io.stop(); });
    io.run();
    return failed ? 1 : 0;
}
