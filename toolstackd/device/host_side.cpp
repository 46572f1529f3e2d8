// SPDX-License-Identifier: Apache-2.0
// What XenDevices needs of the host for a device: opened images, taps on bridges, and their end.
#include "toolstackd/device/image.hpp"
#include "toolstackd/device/xen_devices.hpp"
#include "toolstackd/sys/bridge.hpp"
#include "toolstackd/sys/deadline.hpp"
#include "toolstackd/sys/failpoint.hpp"
#include "toolstackd/sys/log.hpp"
#include "toolstackd/sys/loop_device.hpp"
#include "toolstackd/sys/netlink.hpp"
#include "toolstackd/sys/routed_port.hpp"
#include "toolstackd/sys/spoof_guard.hpp"
#include "toolstackd/sys/tap.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace zocalo::toolstack {
namespace {

using namespace std::chrono_literals;

constexpr auto kOpenLimit = 30s;
// More than the host has processors to serve would only cost memory.
constexpr unsigned kMostNicQueues = 4;

Outcome<std::array<std::uint8_t, 6>> mac_of(const rpc::NicConfig& nic)
{
    std::array<std::uint8_t, 6> mac{};
    if (nic.mac.size() != 17)
        return Error{Code::usage, "'" + nic.mac + "' is no MAC address", {}};
    for (std::size_t i = 0; i < mac.size(); ++i) {
        const std::string digits = nic.mac.substr(3 * i, 2);
        if (digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
            return Error{Code::usage, "'" + nic.mac + "' is no MAC address", {}};
        mac[i] = static_cast<std::uint8_t>(std::stoul(digits, nullptr, 16));
    }
    return mac;
}

// The device as it was added, once its limits hold.
Answer<backend::Ready> limited(
    std::shared_ptr<Backend> backend,
    backend::DeviceId id,
    rpc::LimitConfig limits,
    Outcome<backend::Ready> ready
)
{
    if (!ready || limits == rpc::LimitConfig{})
        co_return ready;
    auto done = co_await backend->set_limits(id, limits);
    if (!done)
        co_return done.error();
    co_return ready;
}

} // namespace

namespace {

Outcome<Unit> onto_bridge(Netlink& netlink, const rpc::NicConfig& nic, const std::string& link)
{
    BridgePort port;
    port.link = link;
    port.bridge = nic.bridge;
    port.mtu = nic.mtu;
    port.isolated = nic.isolated;
    port.learning = nic.learning;
    port.flood = nic.flood;
    if (!nic.vlan.empty())
        port.vlans = TRY(rpc::parse_vlans(nic.vlan));
    TRY(attach_port(netlink, port));
    return Unit{};
}

Outcome<std::vector<UniqueFd>> open_routed(const rpc::NicConfig& nic, const std::string& vifname)
{
    const unsigned cpus = std::max(std::thread::hardware_concurrency(), 1u);
    Tap tap = TRY(create_tap(vifname, std::min(cpus, kMostNicQueues)));
    Netlink netlink = TRY(Netlink::open());
    const RoutedPort port{
        .link = tap.name, .gateway = nic.gatewaydev, .mtu = nic.mtu, .addresses = nic.ip};
    TRY(attach_routed(netlink, port));
    return std::move(tap.queues);
}

} // namespace

Outcome<std::vector<UniqueFd>> open_nic(const rpc::NicConfig& nic, const std::string& vifname)
{
    if (!nic.gatewaydev.empty())
        return open_routed(nic, vifname);
    // Before the first frame can pass.
    if (!nic.ip.empty()) {
        const SpoofGuard guard = TRY(make_guard(vifname, nic.mac, nic.ip, !nic.vlan.empty()));
        TRY(guard_port(guard));
    }
    const unsigned cpus = std::max(std::thread::hardware_concurrency(), 1u);
    Tap tap = TRY(create_tap(vifname, std::min(cpus, kMostNicQueues)));
    Netlink netlink = TRY(Netlink::open());
    TRY(onto_bridge(netlink, nic, tap.name));
    return std::move(tap.queues);
}

void close_nic(const rpc::NicConfig& nic, const std::string& vifname)
{
    if (nic.ip.empty() || !nic.gatewaydev.empty())
        return;
    if (auto done = unguard_port(vifname); !done)
        log_warning(describe(done.error()));
}

// Opens what the device needs of the host and hands it to the process; `patience` is for an image
// that another process has.
Answer<backend::Ready> XenDevices::add(
    std::shared_ptr<Backend> backend,
    DeviceOwner owner,
    DeviceConfig config,
    std::chrono::milliseconds patience
)
{
    const std::string name = device_name(owner.domid, config);
    const std::string label = owner.name + " " + name;
    if (const auto* disk = std::get_if<rpc::DiskConfig>(&config)) {
        using Files = std::shared_ptr<std::vector<UniqueFd>>;
        std::function<Outcome<Files>()> work =
            [launcher = launcher_, uuid = owner.uuid, copy = *disk, patience]() -> Outcome<Files> {
            auto files = std::make_shared<std::vector<UniqueFd>>();
            if (!copy.target.empty() || !copy.cdrom)
                files->push_back(TRY(open_image(copy, patience)));
            files->push_back(TRY(launcher->journal(uuid, key_of(copy))));
            return files;
        };
        auto files = co_await within<Files>(
            executor_, pool_, kOpenLimit, "opening " + disk->target, std::move(work)
        );
        if (!files)
            co_return files.error();
        backend::AddDisk request;
        request.device = disk->devid.value_or(0);
        request.read_only = disk->readonly;
        request.cdrom = disk->cdrom;
        request.empty = disk->cdrom && disk->target.empty();
        request.discard = disk->discard;
        request.sector_size = disk->sector_size;
        request.label = label.substr(0, backend::kMaxValueBytes);
        const rpc::LimitConfig limits = disk->limits;
        const backend::DeviceId id = request.device;
        auto ready = co_await backend->add_disk(std::move(request), std::move(**files));
        co_return co_await limited(backend, id, limits, std::move(ready));
    }
    const auto& nic = std::get<rpc::NicConfig>(config);
    auto mac = mac_of(nic);
    if (!mac)
        co_return mac.error();
    using Taps = std::shared_ptr<std::vector<UniqueFd>>;
    std::function<Outcome<Taps>()> work =
        [open = open_nic_, launcher = launcher_, uuid = owner.uuid, nic, name]() -> Outcome<Taps> {
        auto files = std::make_shared<std::vector<UniqueFd>>(TRY(open(nic, name)));
        files->push_back(TRY(launcher->journal(uuid, key_of(nic))));
        return files;
    };
    failpoint("device.tap:before");
    auto taps =
        co_await within<Taps>(executor_, pool_, kOpenLimit, "opening " + name, std::move(work));
    failpoint("device.tap:after");
    if (!taps)
        co_return taps.error();
    backend::AddNic request;
    request.device = nic.devid.value_or(0);
    request.mac = *mac;
    request.mtu = nic.mtu.value_or(1500);
    request.queues = static_cast<std::uint32_t>((*taps)->size() - 1);
    request.scatter_gather = nic.scatter_gather;
    request.segmentation = nic.segmentation;
    request.checksums = nic.checksums;
    request.label = label.substr(0, backend::kMaxValueBytes);
    const rpc::LimitConfig limits = nic.limits;
    const backend::DeviceId id = request.device;
    auto ready = co_await backend->add_nic(std::move(request), std::move(**taps));
    co_return co_await limited(backend, id, limits, std::move(ready));
}

// The host's part of cards whose processes have let go of them.
Answer<Unit> XenDevices::close(std::vector<std::shared_ptr<Session>> sessions)
{
    std::erase_if(sessions, [](const auto& s) {
        return key_of(s->config()).kind != DeviceKind::nic;
    });
    if (sessions.empty())
        co_return Unit{};
    std::function<Outcome<Unit>()> work = [closing = close_nic_, sessions] {
        for (const auto& session : sessions)
            closing(
                std::get<rpc::NicConfig>(session->config()),
                device_name(session->owner().domid, session->config())
            );
        return Outcome<Unit>{Unit{}};
    };
    co_return co_await within<Unit>(executor_, pool_, kOpenLimit, "closing cards", std::move(work));
}

Answer<Unit> XenDevices::free_loop(const std::string& path, const std::string& file)
{
    std::function<Outcome<Unit>()> work = [path, file] { return clear_loop_device(path, file); };
    co_return co_await within<Unit>(
        executor_, pool_, kOpenLimit, "freeing " + path, std::move(work)
    );
}

} // namespace zocalo::toolstack
