// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/device/fake_backend.hpp"

#include "common/backend-ctl/channel.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <algorithm>
#include <array>
#include <sys/mman.h>
#include <sys/socket.h>

namespace zocalo::toolstack {
namespace asio = boost::asio;

struct FakeBackends::Process : std::enable_shared_from_this<Process> {
    Process(FakeBackends& o, DeviceKind k, DomId d) : owner(&o), kind(k), domid(d) {}

    void serve(UniqueFd fd);
    void wait();
    void readable();
    backend::Answer answer(const backend::Request& request);
    backend::Answer ready(backend::DeviceId id);
    void send(const backend::BackendFrame& frame);
    void note(const char* what, backend::DeviceId id)
    {
        owner->log.push_back(std::string(what) + " " + std::to_string(id));
    }

    FakeBackends* owner;
    DeviceKind kind;
    DomId domid;
    std::map<backend::DeviceId, backend::Device> devices;
    std::optional<asio::posix::stream_descriptor> line;
};

void FakeBackends::Process::serve(UniqueFd fd)
{
    line.emplace(owner->executor_, fd.release());
    wait();
}

void FakeBackends::Process::wait()
{
    line->async_wait(
        asio::posix::stream_descriptor::wait_read,
        [self = shared_from_this()](boost::system::error_code failed) {
            if (!failed && self->line)
                self->readable();
        }
    );
}

void FakeBackends::Process::readable()
{
    while (line) {
        auto datagram = backend::receive_datagram(line->native_handle());
        if (!datagram)
            return line.reset();
        if (!*datagram)
            return wait();
        const auto request = backend::decode_request((*datagram)->bytes);
        if (request)
            send({request->sequence, answer(request->request)});
    }
}

backend::Answer FakeBackends::Process::ready(backend::DeviceId id)
{
    note("add", id);
    backend::Device& device = devices[id];
    device.device = id;
    device.features = {{"feature-flush-cache", "1"}};
    device.connected = {{"sectors", "2048"}, {"sector-size", "512"}};
    return backend::Ready{id, device.features, device.connected};
}

backend::Answer FakeBackends::Process::answer(const backend::Request& request)
{
    if (std::get_if<backend::Hello>(&request))
        return backend::HelloAnswer{
            backend::kProtocolVersion,
            kind == DeviceKind::disk ? backend::Kind::blk : backend::Kind::net,
            domid};
    if (const auto* disk = std::get_if<backend::AddDisk>(&request))
        return ready(disk->device);
    if (const auto* nic = std::get_if<backend::AddNic>(&request))
        return ready(nic->device);
    if (const auto* connect = std::get_if<backend::Connect>(&request)) {
        note(connect->resume ? "resume" : "connect", connect->device);
        if (const auto& control = connect->control)
            owner->log.push_back(
                "control ring " + std::to_string(control->ref.value) + " port " +
                std::to_string(control->port.value)
            );
        if (!owner->refuse_connect.empty())
            return backend::Failed{owner->refuse_connect, {}};
        devices[connect->device].state = backend::DeviceState::connected;
    } else if (const auto* disconnect = std::get_if<backend::Disconnect>(&request)) {
        note("disconnect", disconnect->device);
        devices[disconnect->device].state = backend::DeviceState::idle;
    } else if (const auto* headroom = std::get_if<backend::SetHeadroom>(&request)) {
        note(("headroom " + std::to_string(headroom->bytes) + " of").c_str(), headroom->device);
    } else if (const auto* settle = std::get_if<backend::Settle>(&request)) {
        owner->log.push_back("settle on " + std::to_string(settle->processor));
    } else if (const auto* remove = std::get_if<backend::RemoveDevice>(&request)) {
        note("remove", remove->device);
        devices.erase(remove->device);
    } else if (std::get_if<backend::ListDevices>(&request)) {
        backend::DeviceList list;
        for (const auto& [id, device] : devices)
            list.devices.push_back(device);
        return list;
    }
    return backend::Done{};
}

void FakeBackends::Process::send(const backend::BackendFrame& frame)
{
    const auto bytes = backend::encode(frame);
    if (bytes && line)
        static_cast<void>(backend::send_datagram(line->native_handle(), *bytes, {}));
}

FakeBackends::FakeBackends(asio::any_io_executor executor) : executor_(std::move(executor)) {}

std::optional<std::uint32_t> FakeBackends::hearing(DomId, EventPort port)
{
    const auto found = hears.find(port.value);
    return found == hears.end() ? std::nullopt : std::optional{found->second};
}

FakeBackends::~FakeBackends()
{
    for (auto& [id, process] : processes_)
        process->line.reset();
}

Outcome<Unit> FakeBackends::start(const rpc::Uuid& uuid, DeviceKind kind, DomId domid)
{
    if (refuse_starts > 0) {
        --refuse_starts;
        return Error{Code::failed, "cannot start", {}};
    }
    log.push_back("start");
    processes_[{uuid, kind}] = std::make_shared<Process>(*this, kind, domid);
    return Unit{};
}

Outcome<UniqueFd> FakeBackends::connect(const rpc::Uuid& uuid, DeviceKind kind)
{
    const auto found = processes_.find({uuid, kind});
    std::array<int, 2> ends{};
    if (found == processes_.end() ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
        return Error{Code::unreachable, "no process", {}};
    found->second->serve(UniqueFd{ends[1]});
    return UniqueFd{ends[0]};
}

Outcome<Unit> FakeBackends::end(const rpc::Uuid& uuid, DeviceKind kind, std::chrono::milliseconds)
{
    kill({uuid, kind});
    return Unit{};
}

Outcome<std::vector<DeviceRemains::Process>> FakeBackends::find()
{
    std::vector<DeviceRemains::Process> found;
    for (const auto& [id, process] : processes_)
        found.push_back({id.first, id.second, 1});
    return found;
}

Outcome<UniqueFd> FakeBackends::journal(const rpc::Uuid&, DeviceKey device)
{
    ++journals[device.devid];
    return UniqueFd{::memfd_create("journal", MFD_CLOEXEC)};
}

void FakeBackends::drop_journal(const rpc::Uuid&, DeviceKey device)
{
    journals.erase(device.devid);
}

void FakeBackends::kill(const Id& id)
{
    const auto found = processes_.find(id);
    if (found == processes_.end())
        return;
    found->second->line.reset();
    processes_.erase(found);
}

void FakeBackends::hang_up(const Id& id)
{
    processes_.at(id)->line.reset();
}

void FakeBackends::send_event(const Id& id, backend::Event event)
{
    processes_.at(id)->send({0, std::move(event)});
}

bool FakeBackends::runs(const Id& id) const
{
    return processes_.contains(id);
}

std::optional<backend::DeviceState>
FakeBackends::state(const Id& id, backend::DeviceId device) const
{
    const auto process = processes_.find(id);
    if (process == processes_.end() || !process->second->devices.contains(device))
        return std::nullopt;
    return process->second->devices.at(device).state;
}

} // namespace zocalo::toolstack
