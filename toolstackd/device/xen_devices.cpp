// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/device/xen_devices.hpp"

#include "toolstackd/device/alarm.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace zocalo::toolstack {
namespace asio = boost::asio;
namespace {

using Kind = StoreChange::Kind;

// Two processes on their way out: each waits for the kernel to let go of its disk or its tap, tens
// of milliseconds in which the other can do so too.
struct Ends {
    explicit Ends(asio::any_io_executor executor) : alarm{std::move(executor)} {}
    Outcome<Unit> result{Unit{}};
    std::size_t left{};
    Alarm alarm;
};

asio::awaitable<void> end_one(std::shared_ptr<Backend> backend, std::shared_ptr<Ends> ends)
{
    auto ended = co_await backend->end();
    if (!ended)
        ends->result = ended;
    --ends->left;
    ends->alarm.ring();
}

Answer<Unit> end_all(asio::any_io_executor executor, std::vector<std::shared_ptr<Backend>> backends)
{
    const auto ends = std::make_shared<Ends>(executor);
    ends->left = backends.size();
    for (auto& backend : backends)
        asio::co_spawn(executor, end_one(backend, ends), asio::detached);
    while (ends->left != 0) // each has limits of its own
        co_await ends->alarm.wait(Alarm::Clock::time_point::max());
    co_return ends->result;
}

} // namespace

XenDevices::XenDevices(
    asio::any_io_executor executor,
    Store& store,
    std::shared_ptr<BackendLauncher> launcher,
    OpenNic nics,
    CloseNic close
)
    : executor_(std::move(executor)), store_(store), launcher_(std::move(launcher)),
      open_nic_(std::move(nics)), close_nic_(std::move(close)), pool_("devices", 4)
{
}

// The processes stay: guests outlive the daemon.
XenDevices::~XenDevices()
{
    *alive_ = false;
    for (auto& [uuid, domain] : domains_) {
        for (auto& [kind, backend] : domain.backends)
            backend->set_handlers({});
        for (auto& [key, session] : domain.sessions)
            session->stop();
    }
}

XenDevices::Domain& XenDevices::domain_of(const DeviceOwner& owner)
{
    Domain& domain = domains_[owner.uuid];
    if (domain.owner.domid != owner.domid) {
        for (auto& [key, session] : domain.sessions)
            session->stop();
        domain = {};
    }
    domain.owner = owner;
    return domain;
}

std::shared_ptr<Session> XenDevices::session_of(const rpc::Uuid& uuid, DeviceKey device) const
{
    const auto domain = domains_.find(uuid);
    if (domain == domains_.end())
        return nullptr;
    const auto session = domain->second.sessions.find(device);
    return session == domain->second.sessions.end() ? nullptr : session->second;
}

std::shared_ptr<Backend> XenDevices::slot_of(const DeviceOwner& owner, DeviceKind kind)
{
    std::shared_ptr<Backend>& slot = domain_of(owner).backends[kind];
    if (!slot) {
        slot =
            std::make_shared<Backend>(executor_, launcher_, pool_, owner.uuid, kind, owner.domid);
        slot->set_handlers(
            {[this, uuid = owner.uuid, kind](const backend::Event& event) {
                 handle(uuid, kind, event);
             },
             [this, uuid = owner.uuid, kind](const std::string& why) { lost(uuid, kind, why); }}
        );
    }
    return slot;
}

Answer<std::shared_ptr<Backend>>
XenDevices::backend_of(DeviceOwner owner, DeviceKind kind, bool may_start)
{
    const std::shared_ptr<Backend> backend = slot_of(owner, kind);
    auto opened = co_await backend->open(may_start);
    if (!opened)
        co_return opened.error();
    co_return backend;
}

Answer<std::vector<StoreChange>>
XenDevices::prepare(const DeviceOwner& owner_ref, std::vector<DeviceConfig> devices)
{
    const DeviceOwner owner = owner_ref;
    std::vector<StoreChange> changes;
    std::set<DeviceKind> kinds;
    for (const DeviceConfig& config : devices)
        kinds.insert(key_of(config).kind);
    for (const DeviceKind kind : kinds) {
        const std::shared_ptr<Backend> backend = slot_of(owner, kind);
        auto summoned = co_await backend->summon();
        if (!summoned)
            co_return summoned.error();
    }
    for (const DeviceConfig& config : devices) {
        const DeviceKey key = key_of(config);
        auto backend = co_await backend_of(owner, key.kind, true);
        if (!backend)
            co_return backend.error();
        const std::shared_ptr<Backend> process = *backend;
        if (process->device(key.devid) == nullptr) {
            auto ready = co_await add(process, owner, config);
            if (!ready)
                co_return ready.error();
        }
        const backend::Device* device = process->device(key.devid);
        if (device == nullptr)
            co_return Error{Code::failed, "the backend process died at once", "see the journal"};
        const std::string name = device_name(owner.domid, config);
        for (StoreChange& change : device_nodes(owner, config, name, device->features))
            changes.push_back(std::move(change));
    }
    co_return changes;
}

Answer<Unit> XenDevices::follow(const DeviceOwner& owner_ref, std::vector<DeviceConfig> devices)
{
    const DeviceOwner owner = owner_ref;
    std::set<DeviceKind> gone;
    for (const DeviceConfig& config : devices) {
        const DeviceKey key = key_of(config);
        if (session_of(owner.uuid, key) != nullptr)
            continue;
        auto backend = co_await backend_of(owner, key.kind, false);
        const bool dead = !backend && backend.error().code == Code::unreachable;
        if (!backend && !dead)
            co_return backend.error();
        const std::shared_ptr<Backend> process = domain_of(owner).backends[key.kind];
        const auto session = std::make_shared<Session>(
            executor_,
            store_,
            process,
            owner,
            config,
            [this, alive = alive_, uuid = owner.uuid, key](
                const std::string& kind, const std::string& text
            ) {
                if (*alive)
                    tell(uuid, key, kind, text);
            }
        );
        auto begun = co_await session->begin();
        if (!begun)
            co_return begun.error();
        domain_of(owner).sessions[key] = session;
        if (dead)
            gone.insert(key.kind);
    }
    for (const DeviceKind kind : gone) // one death, however many devices it had
        lost(owner.uuid, kind, "it was gone when the daemon started");
    co_return Unit{};
}

Answer<Unit>
XenDevices::wait_connected(const rpc::Uuid& uuid, DeviceKey device, std::chrono::milliseconds limit)
{
    const auto session = session_of(uuid, device);
    if (!session)
        co_return Error{Code::not_found, "the domain has no such device", {}};
    co_return co_await session->wait_connected(limit);
}

Answer<Unit> XenDevices::detach(
    const DeviceOwner& owner_ref, DeviceKey device, bool force, std::chrono::milliseconds limit
)
{
    const DeviceOwner owner = owner_ref;
    const auto session = session_of(owner.uuid, device);
    if (session) {
        auto done = co_await session->detach(force, limit);
        if (!done)
            co_return done;
        session->stop();
        domain_of(owner).sessions.erase(device);
        std::vector<std::shared_ptr<Session>> ended{session};
        co_return co_await close(std::move(ended));
    }
    // Prepared but never followed: only the process knows it.
    auto backend = co_await backend_of(owner, device.kind, false);
    if (!backend && backend.error().code == Code::unreachable)
        co_return Unit{};
    if (!backend)
        co_return backend.error();
    const std::shared_ptr<Backend> process = *backend;
    co_return co_await process->remove_device(device.devid);
}

std::vector<StoreChange>
XenDevices::nodes_to_remove(const DeviceOwner& owner, DeviceKey device) const
{
    const DevicePaths paths = device_paths(owner.domid, device);
    bool last = true;
    if (const auto domain = domains_.find(owner.uuid); domain != domains_.end())
        for (const auto& [key, session] : domain->second.sessions)
            last = last && (key.kind != device.kind || key == device);
    const std::string backend = last ? backend_directory(owner.domid, device.kind) : paths.backend;
    return {
        {Kind::remove, paths.frontend, {}, {}},
        {Kind::remove, backend, {}, {}},
        {Kind::remove, paths.libxl, {}, {}}};
}

std::vector<StoreChange> XenDevices::stale_nodes(DomId domid) const
{
    std::vector<StoreChange> changes;
    for (const DeviceKind kind : {DeviceKind::disk, DeviceKind::nic})
        changes.push_back({Kind::remove, backend_directory(domid, kind), {}, {}});
    return changes;
}

Answer<Unit> XenDevices::release_all(const rpc::Uuid& uuid_ref, DomId domid)
{
    const rpc::Uuid uuid = uuid_ref;
    Domain domain;
    if (const auto found = domains_.find(uuid); found != domains_.end()) {
        domain = std::move(found->second);
        domains_.erase(found);
    }
    for (auto& [key, session] : domain.sessions)
        session->stop();
    std::vector<std::shared_ptr<Backend>> backends;
    for (const DeviceKind kind : {DeviceKind::disk, DeviceKind::nic}) {
        std::shared_ptr<Backend> backend = domain.backends[kind];
        if (!backend)
            backend = std::make_shared<Backend>(executor_, launcher_, pool_, uuid, kind, domid);
        backend->set_handlers({});
        backends.push_back(std::move(backend));
    }
    auto result = co_await end_all(executor_, std::move(backends));
    std::vector<std::shared_ptr<Session>> sessions;
    for (auto& [key, session] : domain.sessions)
        sessions.push_back(session);
    if (auto closed = co_await close(std::move(sessions)); !closed && result)
        result = closed;
    co_return result;
}

void XenDevices::handle(const rpc::Uuid& uuid, DeviceKind kind, const backend::Event& event)
{
    if (const auto* stopped = std::get_if<backend::DeviceStopped>(&event)) {
        if (const auto session = session_of(uuid, {kind, stopped->device}))
            session->stopped(stopped->reason);
    } else if (const auto* changed = std::get_if<backend::DeviceChanged>(&event)) {
        if (const auto session = session_of(uuid, {kind, changed->device}))
            session->changed();
    }
}

void XenDevices::tell(
    const rpc::Uuid& uuid, DeviceKey key, const std::string& kind, const std::string& text
)
{
    if (notice_)
        notice_(uuid, key, kind, text);
}

} // namespace zocalo::toolstack
