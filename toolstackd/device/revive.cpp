// SPDX-License-Identifier: Apache-2.0
// What XenDevices does when a backend process died: another takes its place under the guest.
#include "toolstackd/device/xen_devices.hpp"
#include "toolstackd/sys/log.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace zocalo::toolstack {
namespace asio = boost::asio;
namespace {

using namespace std::chrono_literals;

// A backend that dies more often than so in a minute is left dead.
constexpr std::size_t kDeaths = 8;
constexpr auto kDeathsIn = 60s;

// The kernel does not wait for a killed process's transfers through io_uring, and repeating them
// before they have ended could undo what the guest writes next: they hold the image's lock.
constexpr auto kTransfersEnd = 20s;

} // namespace

void XenDevices::lost(const rpc::Uuid& uuid, DeviceKind kind, const std::string& why)
{
    const auto found = domains_.find(uuid);
    if (found == domains_.end())
        return;
    for (auto& [key, session] : found->second.sessions)
        if (key.kind == kind)
            session->backend_lost(why);
    auto& deaths = found->second.deaths;
    const auto now = std::chrono::steady_clock::now();
    std::erase_if(deaths, [now](const auto& at) { return at + kDeathsIn < now; });
    deaths.push_back(now);
    if (deaths.size() <= kDeaths) {
        asio::co_spawn(executor_, revive(uuid, kind), asio::detached);
        return;
    }
    log_error("domain " + rpc::text(uuid) + ": its backend keeps dying; left dead");
    for (auto& [key, session] : found->second.sessions)
        if (key.kind == kind)
            session->backend_gone("it keeps dying");
}

// A new process for the devices that are left: it goes on where the one before stopped.
asio::awaitable<void> XenDevices::revive(rpc::Uuid uuid, DeviceKind kind)
{
    const auto alive = alive_;
    const auto found = domains_.find(uuid);
    if (found == domains_.end())
        co_return;
    const DeviceOwner owner = found->second.owner;
    std::vector<std::shared_ptr<Session>> sessions;
    for (auto& [key, session] : found->second.sessions)
        if (key.kind == kind)
            sessions.push_back(session);
    auto backend = co_await backend_of(owner, kind, true);
    if (!backend)
        log_error("cannot start a backend again: " + describe(backend.error()));
    for (const auto& session : sessions) {
        if (!*alive)
            break;
        if (!backend) {
            session->backend_gone(describe(backend.error()));
            continue;
        }
        const std::shared_ptr<Backend> process = *backend;
        if (process->device(key_of(session->config()).devid) == nullptr) {
            auto ready = co_await add(process, owner, session->config(), kTransfersEnd);
            if (!ready) {
                // Died again: that is told apart.
                if (ready.error().code != Code::unreachable)
                    session->backend_gone(describe(ready.error()));
                continue;
            }
        }
        session->prepared();
    }
}

} // namespace zocalo::toolstack
