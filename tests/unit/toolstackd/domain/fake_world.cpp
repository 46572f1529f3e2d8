// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/domain/fake_world.hpp"

#include "toolstackd/domain/signal.hpp"

#include <boost/asio/post.hpp>
#include <xen/sched.h>
#include <xen/xen.h>

#include <charconv>

namespace zocalo::toolstack::testing {

namespace asio = boost::asio;

Killed::Killed() : boost::system::system_error(asio::error::operation_aborted) {}

Clock::Alarm FakeClock::at(std::int64_t ms, std::function<void()> then)
{
    auto entry = std::make_shared<Entry>(Entry{std::move(then)});
    alarms_.emplace(std::max(ms, now_ + 1), entry);
    return entry;
}

bool FakeClock::advance(std::int64_t limit)
{
    while (!alarms_.empty() && alarms_.begin()->second.expired())
        alarms_.erase(alarms_.begin());
    if (alarms_.empty() || alarms_.begin()->first > limit)
        return false;
    now_ = alarms_.begin()->first;
    const auto entry = alarms_.begin()->second.lock();
    alarms_.erase(alarms_.begin());
    entry->then();
    return true;
}

FakeWorld::FakeWorld(asio::io_context& io_context) : io{io_context}
{
    Guest dom0;
    dom0.live.domid = kDom0;
    dom0.live.memory_kib = 128 * 1024;
    dom0.foreign = dom0.ran = true;
    guests[kDom0] = dom0;
    nodes["/local/domain/0/name"] = "Domain-0";
}

asio::awaitable<void> FakeWorld::sleep(std::int64_t ms)
{
    const std::int64_t end = clock.now_ms() + ms;
    Signal awake(io.get_executor());
    while (clock.now_ms() < end && !dead) {
        const auto alarm = clock.at(end, [&awake] { awake.notify(); });
        co_await awake.wait();
    }
    if (dead)
        throw Killed();
}

asio::awaitable<void> FakeWorld::pass_time()
{
    if (dead)
        throw Killed();
    if (jitter && random() % 2 == 0)
        co_await sleep(static_cast<std::int64_t>(random() % 30) + 1);
    reap();
}

void FakeWorld::violate(const std::string& what)
{
    violations.push_back(what);
}

bool FakeWorld::fails(const std::string& call)
{
    if (fail_at != call)
        return false;
    fail_at.clear();
    return true;
}

Guest* FakeWorld::guest(DomId domid)
{
    reap();
    const auto found = guests.find(domid);
    return found == guests.end() ? nullptr : &found->second;
}

Guest* FakeWorld::guest_of(const rpc::Uuid& uuid)
{
    reap();
    for (auto& [domid, guest] : guests)
        if (guest.live.handle == uuid && !guest.live.dying)
            return &guest;
    return nullptr;
}

void FakeWorld::shut_down(const rpc::Uuid& uuid, std::uint8_t reason)
{
    Guest* guest = guest_of(uuid);
    if (guest == nullptr || guest->live.shutdown || guest->live.paused)
        return;
    guest->live.shutdown = true;
    guest->live.shutdown_reason = reason;
    ++exits[uuid];
    fire("@releaseDomain");
}

void FakeWorld::destroy_from_outside(const rpc::Uuid& uuid)
{
    Guest* guest = guest_of(uuid);
    if (guest == nullptr)
        return;
    const std::string number = std::to_string(guest->live.domid.value);
    const auto below = [](const std::string& path, const std::string& top) {
        return path == top || path.starts_with(top + "/");
    };
    std::erase_if(nodes, [&](const auto& node) {
        return below(node.first, "/local/domain/" + number) ||
               below(node.first, "/libxl/" + number) || below(node.first, "/vm/" + rpc::text(uuid));
    });
    guest->live.dying = true;
    guest->introduced = false; // xenstored lets go by itself
    guest->reap_at = clock.now_ms() + behaviour.dying_ms;
    fire("@releaseDomain");
}

DomId FakeWorld::add_foreign(const std::string& name)
{
    Guest guest;
    while (guests.contains(DomId{next_domid}))
        next_domid = next_domid == last_domid ? 1 : static_cast<std::uint16_t>(next_domid + 1);
    guest.live.domid = DomId{next_domid};
    guest.live.handle = seeded_uuid();
    guest.live.memory_kib = 1024;
    guest.live.cpu_time_ns = 5;
    guest.foreign = guest.ran = guest.introduced = true;
    const std::string path = "/local/domain/" + std::to_string(next_domid);
    nodes[path + "/name"] = name;
    nodes[path + "/vm"] = "/vm/" + rpc::text(guest.live.handle);
    const DomId domid = guest.live.domid;
    guests[domid] = guest;
    fire("@introduceDomain");
    return domid;
}

bool FakeWorld::held(const Guest& guest) const
{
    // The kernel's backends hold a domain's pages until they are closed.
    const std::string vbds =
        "/local/domain/0/backend/vbd/" + std::to_string(guest.live.domid.value);
    const bool served = std::ranges::any_of(nodes, [&](const auto& node) {
        return node.first.starts_with(vbds + "/") && node.first.ends_with("/state") &&
               node.second != "6";
    });
    return served || guest.introduced || processes.contains(guest.live.handle) ||
           consoles.contains(guest.live.handle);
}

// Identities follow from the seed too, so that a run can be had again.
rpc::Uuid FakeWorld::seeded_uuid()
{
    rpc::Uuid uuid;
    for (std::uint8_t& byte : uuid.bytes)
        byte = static_cast<std::uint8_t>(random());
    return uuid;
}

void FakeWorld::reap()
{
    for (auto entry = guests.begin(); entry != guests.end();) {
        const Guest& guest = entry->second;
        if (guest.live.dying && clock.now_ms() >= guest.reap_at && !held(guest)) {
            entry = guests.erase(entry);
            fire("@releaseDomain");
        } else {
            ++entry;
        }
    }
}

void FakeWorld::fire(const std::string& path)
{
    if (!store_up)
        return;
    for (const auto& [watched, call] : watches)
        if (watched == path)
            asio::post(io, [call = call, path] { call(path); });
}

std::uint64_t FakeWorld::free_kib() const
{
    std::uint64_t used = 0;
    for (const auto& [domid, guest] : guests)
        used += guest.live.memory_kib;
    return total_kib > used ? total_kib - used : 0;
}

void FakeWorld::host_reboot()
{
    std::erase_if(guests, [](const auto& entry) { return entry.first != kDom0; });
    processes.clear();
    connected.clear();
    nodes = {{"/local/domain/0/name", "Domain-0"}};
}

std::optional<std::uint16_t> domid_in(const std::string& path, const std::string& prefix)
{
    if (!path.starts_with(prefix))
        return std::nullopt;
    std::uint16_t n{};
    const char* first = path.data() + prefix.size();
    const auto [end, failure] = std::from_chars(first, path.data() + path.size(), n);
    return failure == std::errc{} ? std::optional(n) : std::nullopt;
}

} // namespace zocalo::toolstack::testing
