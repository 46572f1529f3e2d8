// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/disk_service.hpp"

#include "backends/blk/aio_image.hpp"
#include "backends/blk/engine.hpp"
#include "backends/blk/uring_image.hpp"
#include "backends/common/log.hpp"

namespace zocalo::blk {
namespace {

backend::Failed failed(const Error& error)
{
    return {error.what, error.next};
}

} // namespace

DiskService::DiskService(Device::Surroundings surroundings, DomId domain)
    : surroundings_{std::move(surroundings)}, domain_{domain}
{
}

void DiskService::handle(backend::Request request, std::vector<UniqueFd> fds, backend::Reply reply)
{
    std::visit([&](auto& message) { carry_out(message, fds, reply); }, request);
}

std::shared_ptr<Device> DiskService::find(backend::DeviceId id, const backend::Reply& reply)
{
    const auto found = devices_.find(id);
    if (found != devices_.end())
        return found->second;
    reply(backend::Failed{"there is no disk " + std::to_string(id) + " here", {}});
    return nullptr;
}

void DiskService::carry_out(backend::AddDisk& request, Fds& fds, const backend::Reply& reply)
{
    auto ready = add(request, fds);
    if (ready)
        reply(std::move(*ready));
    else
        reply(failed(ready.error()));
}

Outcome<backend::Ready> DiskService::add(const backend::AddDisk& request, Fds& fds)
{
    const std::size_t images = request.empty ? 0 : 1;
    if (fds.size() < images || fds.size() > images + 1 || (request.empty && !request.cdrom))
        return Error{
            Code::usage, "a disk comes with its image and its journal, and nothing else", {}};
    if (devices_.contains(request.device))
        return Error{Code::conflict, "the disk is here already", "remove it first"};
    if (devices_.size() >= backend::kMaxDevices)
        return Error{Code::unsupported, "this process serves no more disks", {}};
    std::unique_ptr<Image> image;
    if (!request.empty)
        image = TRY(open(request, std::move(fds.front())));
    Journal journal = TRY(Journal::open(fds.size() > images ? std::move(fds.back()) : UniqueFd{}));
    auto device = TRY(Device::create(surroundings_, request, std::move(image), std::move(journal)));
    devices_[request.device] = device;
    return device->ready();
}

Outcome<std::unique_ptr<Image>> DiskService::open(const backend::AddDisk& disk, UniqueFd file)
{
    RawImage::Wanted wanted;
    wanted.read_only = disk.read_only || disk.cdrom;
    wanted.sector_size = disk.sector_size;
    std::unique_ptr<RawImage> image;
    auto& [io, pump, grants, worker, tell, ring] = surroundings_;
    if (ring != nullptr)
        image = TRY(UringImage::create(io, worker, *ring, std::move(file), wanted));
    else
        image = TRY(AioImage::create(io, worker, std::move(file), wanted));
    if (!image->note().empty())
        backend::log(backend::Level::warning, disk.label + ": " + image->note());
    const Engine engine = ring != nullptr ? Engine::io_uring : Engine::libaio;
    backend::log(
        backend::Level::info, disk.label + ": served through " + std::string{name(engine)}
    );
    return std::unique_ptr<Image>{std::move(image)};
}

void DiskService::carry_out(backend::ChangeMedium& request, Fds& fds, const backend::Reply& reply)
{
    const auto device = find(request.device, reply);
    if (!device)
        return;
    if (!device->disk().cdrom || fds.size() > 1)
        return reply(backend::Failed{"only a CD drive takes another medium, and one", {}});
    std::unique_ptr<Image> image;
    if (!fds.empty()) {
        auto opened = open(device->disk(), std::move(fds.front()));
        if (!opened)
            return reply(failed(opened.error()));
        image = std::move(*opened);
    }
    device->change_medium(std::move(image), [reply] { reply(backend::Done{}); });
}

void DiskService::carry_out(backend::Connect& request, Fds&, const backend::Reply& reply)
{
    const auto device = find(request.device, reply);
    if (!device)
        return;
    if (request.frontend != domain_)
        return reply(backend::Failed{"this process serves another domain", {}});
    auto connected = device->connect(request);
    if (connected)
        reply(backend::Done{});
    else
        reply(failed(connected.error()));
}

void DiskService::carry_out(backend::Disconnect& request, Fds&, const backend::Reply& reply)
{
    if (const auto device = find(request.device, reply))
        device->disconnect([reply] { reply(backend::Done{}); });
}

void DiskService::carry_out(backend::RemoveDevice& request, Fds&, const backend::Reply& reply)
{
    const auto found = devices_.find(request.device);
    if (found == devices_.end())
        return reply(backend::Done{});
    const std::shared_ptr<Device> device = found->second;
    device->disconnect([this, reply, id = request.device] {
        devices_.erase(id);
        reply(backend::Done{});
    });
}

void DiskService::carry_out(backend::ListDevices&, Fds&, const backend::Reply& reply)
{
    backend::DeviceList list;
    for (const auto& [id, device] : devices_)
        list.devices.push_back(device->describe());
    reply(std::move(list));
}

void DiskService::carry_out(backend::GetStats& request, Fds&, const backend::Reply& reply)
{
    if (const auto device = find(request.device, reply))
        reply(device->stats());
}

void DiskService::carry_out(backend::Settle& request, Fds&, const backend::Reply& reply)
{
    surroundings_.pump.settle(request.processor);
    reply(backend::Done{});
}

void DiskService::carry_out(backend::Shutdown&, Fds&, const backend::Reply& reply)
{
    end_all(&Device::disconnect, [reply] { reply(backend::Done{}); });
}

void DiskService::carry_out(backend::SetLimits& request, Fds&, const backend::Reply& reply)
{
    const auto device = find(request.device, reply);
    if (!device)
        return;
    const auto now = backend::TokenBucket::Clock::now();
    const backend::RateLimit rate{
        {request.bytes_per_second, request.bytes_burst, now},
        {request.operations_per_second, request.operations_burst, now}};
    device->set_rate(rate, request.group);
    for (const auto& [id, other] : devices_)
        if (!request.group.empty() && other != device && other->group() == request.group)
            other->set_rate(rate, request.group);
    reply(backend::Done{});
}

void DiskService::carry_out(backend::MeasureDisk& request, Fds&, const backend::Reply& reply)
{
    if (const auto device = find(request.device, reply)) {
        device->measure();
        reply(backend::Done{});
    }
}

void DiskService::carry_out(backend::Hello&, Fds&, const backend::Reply& reply)
{
    reply(backend::Failed{"hello is answered by the control server", {}});
}

void DiskService::carry_out(backend::AddNic&, Fds&, const backend::Reply& reply)
{
    reply(backend::Failed{"this is the disk backend; network cards have one of their own", {}});
}

void DiskService::carry_out(backend::SetHeadroom&, Fds&, const backend::Reply& reply)
{
    reply(backend::Failed{"this is the disk backend; network cards have one of their own", {}});
}

void DiskService::leave_all(std::function<void()> done)
{
    end_all(&Device::leave, std::move(done));
}

void DiskService::end_all(End how, std::function<void()> done)
{
    if (devices_.empty())
        return done();
    auto left = std::make_shared<std::size_t>(devices_.size());
    const auto devices = devices_; // disconnect() may call back at once
    for (const auto& [id, device] : devices) {
        ((*device).*how)([this, left, done, gone = id] {
            devices_.erase(gone);
            if (--*left == 0)
                done();
        });
    }
}

} // namespace zocalo::blk
