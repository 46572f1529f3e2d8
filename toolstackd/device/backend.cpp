// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/device/backend.hpp"

#include "toolstackd/sys/deadline.hpp"
#include "toolstackd/sys/failpoint.hpp"
#include "toolstackd/sys/log.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <utility>

namespace zocalo::toolstack {
namespace asio = boost::asio;
namespace {

using namespace std::chrono_literals;

constexpr auto kCallLimit = 10s;
constexpr auto kStartLimit = 30s;

Error not_there(DeviceKind kind)
{
    return Error{
        Code::unreachable,
        kind == DeviceKind::disk ? "the domain's disk backend does not run"
                                 : "the domain's network backend does not run",
        "see the journal for zocalo-blkback and zocalo-netback"};
}

// The kind a process says it is must be the one we started.
bool same(backend::Kind said, DeviceKind kind)
{
    return said == (kind == DeviceKind::disk ? backend::Kind::blk : backend::Kind::net);
}

} // namespace

Backend::Backend(
    asio::any_io_executor executor,
    std::shared_ptr<BackendLauncher> launcher,
    Pool& pool,
    rpc::Uuid uuid,
    DeviceKind kind,
    DomId domid
)
    : executor_(std::move(executor)), launcher_(std::move(launcher)), pool_(pool), uuid_(uuid),
      kind_(kind), domid_(domid)
{
}

Answer<Unit> Backend::open(bool may_start)
{
    const auto self = shared_from_this();
    if (client_)
        co_return Unit{};
    auto attached = co_await attach();
    if (attached || !may_start || attached.error().code != Code::unreachable)
        co_return attached;
    auto started = co_await start();
    if (!started)
        co_return started;
    co_return co_await attach();
}

Answer<Unit> Backend::summon()
{
    const auto self = shared_from_this();
    if (client_)
        co_return Unit{};
    auto attached = co_await attach();
    if (attached || attached.error().code != Code::unreachable)
        co_return attached;
    co_return co_await start();
}

Answer<Unit> Backend::start()
{
    failpoint("backend.start:before");
    std::function<Outcome<Unit>()> work = [launcher = launcher_, u = uuid_, k = kind_, d = domid_] {
        return launcher->start(u, k, d);
    };
    auto started =
        co_await within<Unit>(executor_, pool_, kStartLimit, "starting a backend", std::move(work));
    failpoint("backend.start:after");
    co_return started;
}

// Connects, says hello and asks what is there.
Answer<Unit> Backend::attach()
{
    auto socket = launcher_->connect(uuid_, kind_);
    if (!socket)
        co_return socket.error();
    backend::BackendClient::Handlers handlers;
    handlers.on_event = [weak = weak_from_this()](const backend::Event& event) {
        if (const auto self = weak.lock())
            self->hear(event);
    };
    handlers.on_closed = [weak = weak_from_this()](const Error&) {
        if (const auto self = weak.lock())
            self->closed();
    };
    const std::shared_ptr<backend::BackendClient> client =
        backend::BackendClient::adopt(executor_, std::move(*socket), std::move(handlers));
    auto hello = co_await client->hello(kCallLimit);
    if (!hello)
        co_return hello.error();
    if (!same(hello->kind, kind_) || hello->domain != domid_)
        co_return Error{
            Code::failed,
            "the backend process serves domain " + std::to_string(hello->domain.value) +
                ", not domain " + std::to_string(domid_.value),
            "`zl doctor` shows what is left over"};
    auto list = co_await client->list(kCallLimit);
    if (!list)
        co_return list.error();
    devices_.clear();
    for (backend::Device& device : list->devices)
        devices_.insert_or_assign(device.device, std::move(device));
    client_ = client;
    co_return Unit{};
}

const backend::Device* Backend::device(backend::DeviceId id) const
{
    const auto found = devices_.find(id);
    return found == devices_.end() ? nullptr : &found->second;
}

void Backend::take(backend::Ready ready)
{
    backend::Device device;
    device.device = ready.device;
    device.features = std::move(ready.features);
    device.connected = std::move(ready.connected);
    devices_.insert_or_assign(device.device, std::move(device));
}

void Backend::hear(const backend::Event& event)
{
    if (const auto* changed = std::get_if<backend::DeviceChanged>(&event))
        if (const auto found = devices_.find(changed->device); found != devices_.end())
            found->second.connected = changed->connected;
    if (handlers_.on_event)
        handlers_.on_event(event);
}

Answer<backend::Ready> Backend::add_disk(backend::AddDisk disk, std::vector<UniqueFd> files)
{
    const auto self = shared_from_this();
    const auto client = client_;
    if (!client)
        co_return not_there(kind_);
    failpoint("backend.add_disk:before");
    auto ready = co_await client->add_disk(std::move(disk), std::move(files), kCallLimit);
    failpoint("backend.add_disk:after");
    if (ready)
        take(*ready);
    co_return ready;
}

Answer<backend::Ready> Backend::add_nic(backend::AddNic nic, std::vector<UniqueFd> taps)
{
    const auto self = shared_from_this();
    const auto client = client_;
    if (!client)
        co_return not_there(kind_);
    failpoint("backend.add_nic:before");
    auto ready = co_await client->add_nic(std::move(nic), std::move(taps), kCallLimit);
    failpoint("backend.add_nic:after");
    if (ready)
        take(*ready);
    co_return ready;
}

Answer<Unit> Backend::connect_device(backend::Connect request)
{
    const auto self = shared_from_this();
    const auto client = client_;
    if (!client)
        co_return not_there(kind_);
    failpoint("backend.connect:before");
    auto done = co_await client->connect_device(request, kCallLimit);
    failpoint("backend.connect:after");
    if (const auto found = devices_.find(request.device); done && found != devices_.end())
        found->second.state = backend::DeviceState::connected;
    if (done)
        co_await settle(request);
    co_return done;
}

// It works elsewhere as well, only slower.
asio::awaitable<void> Backend::settle(const backend::Connect& connected)
{
    const auto client = client_;
    const EventPort port = connected.queues.front().ports.front();
    if (const auto processor = launcher_->hearing(connected.frontend, port); client && processor)
        static_cast<void>(co_await client->settle(*processor, kCallLimit));
}

Answer<Unit> Backend::disconnect_device(backend::DeviceId id, std::chrono::milliseconds limit)
{
    const auto self = shared_from_this();
    const auto client = client_;
    if (!client)
        co_return not_there(kind_);
    failpoint("backend.disconnect:before");
    auto done = co_await client->disconnect_device(id, limit);
    failpoint("backend.disconnect:after");
    if (const auto found = devices_.find(id); done && found != devices_.end())
        found->second.state = backend::DeviceState::idle;
    co_return done;
}

Answer<Unit> Backend::remove_device(backend::DeviceId id)
{
    const auto self = shared_from_this();
    const auto client = client_;
    devices_.erase(id);
    if (!client)
        co_return Unit{};
    failpoint("backend.remove:before");
    auto done = co_await client->remove_device(id, kCallLimit);
    failpoint("backend.remove:after");
    if (done)
        launcher_->drop_journal(uuid_, {kind_, id});
    co_return done;
}

Answer<Unit> Backend::set_limits(backend::DeviceId id, const rpc::LimitConfig& limits)
{
    const auto client = client_;
    if (!client)
        co_return not_there(kind_);
    const backend::SetLimits request{
        id,
        limits.bytes_per_second,
        limits.bytes_burst,
        limits.operations_per_second,
        limits.operations_burst,
        limits.group};
    co_return co_await client->set_limits(request, kCallLimit);
}

Answer<Unit> Backend::measure_disk(backend::DeviceId id)
{
    const auto client = client_;
    if (!client)
        co_return not_there(kind_);
    co_return co_await client->measure_disk(id, kCallLimit);
}

Answer<Unit> Backend::change_medium(backend::DeviceId id, std::vector<UniqueFd> image)
{
    const auto client = client_;
    if (!client)
        co_return not_there(kind_);
    failpoint("backend.change_medium:before");
    auto done = co_await client->change_medium(id, std::move(image), kCallLimit);
    failpoint("backend.change_medium:after");
    co_return done;
}

Answer<Unit> Backend::set_headroom(backend::DeviceId id, std::uint16_t bytes)
{
    const auto client = client_;
    if (!client)
        co_return not_there(kind_);
    failpoint("backend.set_headroom:before");
    auto done = co_await client->set_headroom({id, bytes}, kCallLimit);
    failpoint("backend.set_headroom:after");
    co_return done;
}

Answer<backend::Stats> Backend::stats(backend::DeviceId id)
{
    const auto client = client_;
    if (!client)
        co_return not_there(kind_);
    co_return co_await client->stats(id, kCallLimit);
}

Answer<Unit> Backend::end()
{
    const auto self = shared_from_this();
    ending_ = true;
    std::chrono::milliseconds grace{0};
    if (const auto client = std::exchange(client_, nullptr)) {
        if (co_await client->shutdown(kCallLimit))
            grace = 5s;
    }
    devices_.clear();
    failpoint("backend.end:before");
    std::function<Outcome<Unit>()> work = [launcher = launcher_, u = uuid_, k = kind_, grace] {
        return launcher->end(u, k, grace);
    };
    auto ended =
        co_await within<Unit>(executor_, pool_, kStartLimit, "ending a backend", std::move(work));
    failpoint("backend.end:after");
    co_return ended;
}

void Backend::closed()
{
    if (!client_ || ending_)
        return;
    client_.reset();
    asio::co_spawn(
        executor_,
        [](std::shared_ptr<Backend> self) { return self->recover(); }(shared_from_this()),
        asio::detached
    );
}

// The connection ended by itself: usually the process died, then its socket refuses us.
asio::awaitable<void> Backend::recover()
{
    const auto self = shared_from_this();
    auto again = co_await attach();
    if (again || ending_)
        co_return;
    devices_.clear();
    log_error("a backend of domain " + std::to_string(domid_.value) + " died");
    if (handlers_.on_lost)
        handlers_.on_lost(describe(again.error()));
}

} // namespace zocalo::toolstack
