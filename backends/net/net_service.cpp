// SPDX-License-Identifier: Apache-2.0
#include "backends/net/net_service.hpp"

#include "backends/common/log.hpp"

namespace zocalo::net {

using namespace backend;

namespace {

Failed failed(const Error& error)
{
    return {error.what, error.next};
}
Failed failed(std::string what)
{
    return {std::move(what), {}};
}

Failed unknown(DeviceId device)
{
    return failed("there is no card " + std::to_string(device) + " in this process");
}

} // namespace

void NetService::handle(Request request, std::vector<UniqueFd> fds, Reply reply)
{
    reply(std::visit([&](const auto& r) { return answer(r, fds); }, request));
}

Vif* NetService::find(DeviceId device)
{
    const auto found = vifs_.find(device);
    return found == vifs_.end() ? nullptr : found->second.get();
}

Answer NetService::answer(const Hello&, Fds&)
{
    return HelloAnswer{.kind = Kind::net, .domain = domain_};
}

Answer NetService::answer(const AddDisk&, Fds&)
{
    return failed("this process serves network cards, not disks");
}

Answer NetService::answer(const AddNic& request, Fds& fds)
{
    if (find(request.device))
        return failed("card " + std::to_string(request.device) + " was added already");
    if (vifs_.size() == kMaxDevices)
        return failed("this process serves as many cards as it can");
    UniqueFd file;
    if (fds.size() == std::size_t{request.queues} + 1) {
        file = std::move(fds.back());
        fds.pop_back();
    }
    auto journal = NetJournal::open(std::move(file));
    if (!journal)
        return failed(journal.error());
    auto vif = Vif::open(
        around_,
        request,
        std::move(fds),
        std::move(*journal),
        [this, device = request.device, label = request.label](const std::string& reason) {
            log(Level::error, label + " stopped: " + reason);
            if (send_)
                send_(DeviceStopped{device, reason});
        }
    );
    if (!vif)
        return failed(vif.error());
    return (vifs_[request.device] = std::move(*vif))->ready();
}

Answer NetService::answer(const Connect& request, Fds&)
{
    Vif* vif = find(request.device);
    if (!vif)
        return unknown(request.device);
    if (request.frontend != domain_)
        return failed("this process serves domain " + std::to_string(domain_.value) + " only");
    if (auto connected = vif->connect(request); !connected)
        return failed(connected.error());
    return Done{};
}

Answer NetService::answer(const Disconnect& request, Fds&)
{
    Vif* vif = find(request.device);
    if (!vif)
        return unknown(request.device);
    vif->disconnect();
    return Done{};
}

Answer NetService::answer(const RemoveDevice& request, Fds&)
{
    vifs_.erase(request.device);
    return Done{};
}

Answer NetService::answer(const ListDevices&, Fds&)
{
    DeviceList list;
    for (const auto& [device, vif] : vifs_)
        list.devices.push_back(vif->describe_device());
    return list;
}

Answer NetService::answer(const GetStats& request, Fds&)
{
    const Vif* vif = find(request.device);
    if (!vif)
        return unknown(request.device);
    return vif->stats();
}

Answer NetService::answer(const SetLimits& request, Fds&)
{
    Vif* vif = find(request.device);
    if (!vif)
        return unknown(request.device);
    vif->set_rate(request);
    return Done{};
}

Answer NetService::answer(const MeasureDisk&, Fds&)
{
    return failed("this process serves network cards, not disks");
}

Answer NetService::answer(const ChangeMedium&, Fds&)
{
    return failed("this process serves network cards, not disks");
}

Answer NetService::answer(const SetHeadroom& request, Fds&)
{
    Vif* vif = find(request.device);
    if (!vif)
        return unknown(request.device);
    if (auto set = vif->set_headroom(request.bytes); !set)
        return failed(set.error());
    return Done{};
}

Answer NetService::answer(const Settle& request, Fds&)
{
    around_.events.settle(request.processor);
    return Done{};
}

Answer NetService::answer(const Shutdown&, Fds&)
{
    vifs_.clear();
    return Done{};
}

} // namespace zocalo::net
