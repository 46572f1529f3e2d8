// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/domain/fake_world.hpp"

#include <boost/asio/post.hpp>
#include <xen/sched.h>
#include <xen/xen.h>

namespace zocalo::toolstack::testing {
namespace {

Error away()
{
    return {Code::unreachable, "xenstored does not answer", {}};
}

class FakeStore final : public Store {
  public:
    explicit FakeStore(FakeWorld& world) : world_{world} {}
    bool up() const override { return world_.store_up; }

    Answer<Unit> commit(std::vector<StoreChange> changes, std::vector<StoreGuard> guards) override
    {
        co_await world_.pass_time();
        if (!world_.store_up)
            co_return away();
        if (world_.fails("store"))
            co_return Error{Code::failed, "xenstored refused", {}};
        for (const StoreGuard& guard : guards)
            if (!holds(guard))
                co_return Error{Code::conflict, "guard of " + guard.path, {}};
        world_.requests += changes.size() + 2;
        for (const StoreChange& change : changes)
            apply(change);
        co_return Unit{};
    }

    Answer<std::optional<std::string>> read(std::string path) override
    {
        co_await world_.pass_time();
        if (!world_.store_up)
            co_return away();
        ++world_.requests;
        const auto found = world_.nodes.find(path);
        std::optional<std::string> value;
        if (found != world_.nodes.end())
            value = found->second;
        co_return value;
    }

    Answer<std::vector<std::string>> list(std::string path) override
    {
        co_await world_.pass_time();
        if (!world_.store_up)
            co_return away();
        std::set<std::string> names;
        for (const auto& [node, value] : world_.nodes)
            if (node.starts_with(path + "/"))
                names.insert(
                    node.substr(path.size() + 1, node.find('/', path.size() + 1) - path.size() - 1)
                );
        co_return std::vector<std::string>(names.begin(), names.end());
    }

    Answer<Unit> introduce(DomId domid, std::uint64_t, EventPort) override
    {
        co_await world_.pass_time();
        Guest* guest = world_.guest(domid);
        if (!world_.store_up)
            co_return away();
        if (guest == nullptr || guest->live.dying)
            co_return Error{Code::not_found, "no such domain", {}};
        guest->introduced = true;
        world_.fire("@introduceDomain");
        co_return Unit{};
    }
    Answer<Unit> release(DomId domid) override
    {
        co_await world_.pass_time();
        if (!world_.store_up)
            co_return away();
        Guest* guest = world_.guest(domid);
        if (guest == nullptr || !guest->introduced)
            co_return Error{Code::not_found, "not introduced", {}};
        guest->introduced = false;
        co_return Unit{};
    }
    Answer<bool> is_introduced(DomId domid) override
    {
        co_await world_.pass_time();
        const Guest* guest = world_.guest(domid);
        co_return guest != nullptr && guest->introduced;
    }

    Watch watch(std::string path, std::function<void(const std::string&)> changed) override
    {
        world_.watches.emplace_back(path, changed);
        boost::asio::post(world_.io, [changed, path] { changed(path); });
        return std::shared_ptr<void>(nullptr, [this, path](void*) {
            std::erase_if(world_.watches, [&](const auto& w) { return w.first == path; });
        });
    }
    std::uint64_t request_count() const override { return world_.requests; }

  private:
    bool exists(const std::string& path) const
    {
        const auto found = world_.nodes.lower_bound(path);
        return found != world_.nodes.end() &&
               (found->first == path || found->first.starts_with(path + "/"));
    }
    bool holds(const StoreGuard& guard) const
    {
        if (guard.absent)
            return !exists(guard.path);
        if (!guard.value)
            return exists(guard.path);
        const auto found = world_.nodes.find(guard.path);
        return found != world_.nodes.end() && found->second == *guard.value;
    }

    void apply(const StoreChange& change)
    {
        if (change.kind == StoreChange::Kind::remove) {
            std::erase_if(world_.nodes, [&](const auto& node) {
                return node.first == change.path || node.first.starts_with(change.path + "/");
            });
            return;
        }
        const auto domid = domid_in(change.path, "/local/domain/");
        if (domid && *domid != 0 && !world_.guests.contains(DomId{*domid}))
            world_.violate("a write under the path of a dead domain: " + change.path);
        if (change.kind == StoreChange::Kind::write)
            world_.nodes[change.path] = change.value;
        else
            world_.nodes.try_emplace(change.path, "");
        if (change.path.find("/backend/vbd/") != std::string::npos && change.value == "5") {
            world_.nodes[change.path] = std::string{'6'}; // the kernel has let go
            world_.reap();
        }
        if (domid && change.path.ends_with("/control/shutdown") && !change.value.empty())
            ask(DomId{*domid}, change.value);
    }

    // The guest hears of it a little later.
    void ask(DomId domid, const std::string& wish)
    {
        const Guest* guest = world_.guest(domid);
        if (guest == nullptr || !world_.behaviour.obeys)
            return;
        const rpc::Uuid uuid = guest->live.handle;
        const auto reason =
            static_cast<std::uint8_t>(wish == "reboot" ? SHUTDOWN_reboot : SHUTDOWN_poweroff);
        alarms_.push_back(world_.clock.at(
            world_.clock.now_ms() + world_.behaviour.act_ms,
            [&world = world_, uuid, domid, reason] {
                if (const Guest* there = world.guest(domid); there && there->live.handle == uuid)
                    world.shut_down(uuid, reason);
            }
        ));
    }

    FakeWorld& world_;
    std::vector<Clock::Alarm> alarms_;
};

class FakeConsoles final : public Consoles {
  public:
    explicit FakeConsoles(FakeWorld& world) : world_{world} {}
    Answer<Unit> open(const rpc::Uuid& uuid, std::string, DomId, std::uint64_t, EventPort) override
    {
        co_await world_.pass_time();
        if (world_.fails("console"))
            co_return Error{Code::failed, "cannot map the console", {}};
        world_.consoles.insert(uuid);
        co_return Unit{};
    }
    Answer<Unit> follow_channels(const rpc::Uuid&, DomId, std::vector<rpc::ChannelConfig>) override
    {
        co_return Unit{};
    }
    Answer<std::vector<rpc::ChannelView>> channels(rpc::Uuid) override
    {
        co_return std::vector<rpc::ChannelView>{};
    }
    void close(const rpc::Uuid& uuid, const std::string&) override { world_.consoles.erase(uuid); }
    void forget(const rpc::Uuid&) override {}
    Answer<std::string> history(rpc::Uuid, std::size_t) override { co_return std::string{}; }
    Answer<std::unique_ptr<ConsoleReader>> attach(rpc::Uuid, ConsoleAttach) override
    {
        co_return Error{Code::unsupported, "no console here", {}};
    }

  private:
    FakeWorld& world_;
};

} // namespace

std::unique_ptr<Store> make_fake_store(FakeWorld& world)
{
    return std::make_unique<FakeStore>(world);
}

std::unique_ptr<Consoles> make_fake_consoles(FakeWorld& world)
{
    return std::make_unique<FakeConsoles>(world);
}

} // namespace zocalo::toolstack::testing
