// SPDX-License-Identifier: Apache-2.0
// Random interleavings: clients, guests, other toolstacks, outages and deaths of the daemon in an
// order drawn from a seed that is printed when something breaks (ZOCALO_SEED runs one again,
// ZOCALO_ROUNDS more of them).
#include "tests/unit/toolstackd/domain/invariants.hpp"

#include <gmock/gmock.h>
#include <xen/sched.h>
#include <xen/xen.h>

#include <cstdlib>
#include <iostream>

namespace zocalo::toolstack::testing {
namespace {

using ::testing::IsEmpty;

constexpr std::uint64_t kRounds = 40;
constexpr int kActions = 60;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise)
{
    const char* text = std::getenv(name);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

class Chaos {
  public:
    explicit Chaos(std::uint64_t seed) : h_{seed}, random_{seed} {}

    std::vector<std::string> play()
    {
        h_.world.jitter = true;
        h_.world.last_domid = 12;
        h_.start();
        for (int i = 0; i < kActions; ++i) {
            if (pick(3) == 0)
                h_.kill_at({pick(25) + 1, pick(25) + 1});
            act();
            h_.wait(static_cast<std::int64_t>(pick(pick(4) == 0 ? 40'000 : 200)));
        }
        h_.kill_at({});
        h_.world.hv_up = h_.world.store_up = true;
        h_.world.behaviour = {};
        h_.settle();
        return broken_invariants(h_);
    }

    int deaths() const { return h_.deaths(); }
    int instances() const
    {
        int sum = 0;
        for (const auto& [uuid, runs] : h_.world.runs)
            sum += runs;
        return sum;
    }

  private:
    std::uint64_t pick(std::uint64_t n) { return random_() % n; }

    std::string some_name() { return std::string(1, static_cast<char>('a' + pick(4))); }

    rpc::Uuid uuid_of(const std::string& name)
    {
        for (const auto& [domid, guest] : h_.world.guests) {
            const auto found =
                h_.world.nodes.find("/local/domain/" + std::to_string(domid.value) + "/name");
            if (found != h_.world.nodes.end() && found->second == name && !guest.foreign)
                return guest.live.handle;
        }
        return {};
    }

    void send(const std::string& verb, boost::json::object args = {})
    {
        // Not waited for: the next action comes while it runs.
        static_cast<void>(h_.submit(request(verb, some_name(), std::move(args))));
    }

    void create()
    {
        auto config = small_config(some_name());
        config.uuid = rpc::text(h_.world.seeded_uuid());
        config.on_crash = pick(2) ? rpc::StopAction::restart : rpc::StopAction::destroy;
        config.on_poweroff = pick(4) ? rpc::StopAction::destroy : rpc::StopAction::preserve;
        if (pick(4) == 0)
            config.disks[0].target = "/images/shared.img";
        static_cast<void>(h_.submit(create_request(config, pick(2) == 0)));
    }

    void destroy()
    {
        // Any of our guests may be meant: names move.
        for (const auto& [domid, guest] : h_.world.guests)
            if (!guest.foreign)
                h_.world.may_destroy.insert(guest.live.handle);
        send("destroy");
    }

    void guest_ends()
    {
        const std::uint8_t reasons[] = {SHUTDOWN_poweroff, SHUTDOWN_reboot, SHUTDOWN_crash};
        h_.world.shut_down(uuid_of(some_name()), reasons[pick(3)]);
    }

    void plug()
    {
        switch (pick(4)) {
        case 0:
            return send("block-attach", {{"target", "/images/data.img"}, {"vdev", "xvdb"}});
        case 1:
            return send("block-detach", {{"device", "xvdb"}, {"force", pick(2) == 0}});
        case 2:
            return send("network-attach");
        default:
            return send("network-detach", {{"device", "1"}, {"force", false}});
        }
    }

    void world_changes()
    {
        FakeWorld& world = h_.world;
        switch (pick(6)) {
        case 0:
            world.behaviour.connects = pick(2) == 0;
            break;
        case 1:
            world.behaviour.obeys = pick(2) == 0;
            break;
        case 2:
            world.behaviour.lets_go = pick(2) == 0;
            break;
        case 3:
            world.behaviour.dying_ms = static_cast<std::int64_t>(pick(3'000));
            break;
        case 4:
            world.fail_at = pick(2) ? "build" : "prepare";
            break;
        default:
            world.store_up = false;
            h_.wait(static_cast<std::int64_t>(pick(3'000)));
            world.store_up = true;
        }
    }

    void act()
    {
        switch (pick(14)) {
        case 0:
        case 1:
        case 2:
            return create();
        case 3:
            return destroy();
        case 4:
            return send("start");
        case 5:
            return send("shutdown", {{"timeout_s", 5}});
        case 6:
            return send("reboot", {{"timeout_s", 5}});
        case 7:
            return send(pick(2) ? "pause" : "unpause");
        case 8:
            return send("rename", {{"name", some_name()}});
        case 9:
        case 10:
            return plug();
        case 11:
            return guest_ends();
        case 12:
            return pick(3) ? send("undefine") : h_.restart();
        default:
            return world_changes();
        }
    }

    Harness h_;
    std::mt19937_64 random_;
};

TEST(Random, NoInterleavingBreaksAnInvariant)
{
    const std::uint64_t first = from_environment("ZOCALO_SEED", 1);
    const std::uint64_t rounds =
        std::getenv("ZOCALO_SEED") ? 1 : from_environment("ZOCALO_ROUNDS", kRounds);
    int deaths = 0, instances = 0;
    for (std::uint64_t seed = first; seed < first + rounds; ++seed) {
        SCOPED_TRACE("ZOCALO_SEED=" + std::to_string(seed));
        Chaos chaos(seed);
        ASSERT_THAT(chaos.play(), IsEmpty());
        deaths += chaos.deaths();
        instances += chaos.instances();
    }
    // Chaos that kills and starts nothing would prove nothing.
    if (rounds > 1) {
        EXPECT_GT(deaths, static_cast<int>(rounds));
        EXPECT_GT(instances, static_cast<int>(rounds));
    }
    std::cout << deaths << " deaths of the daemon, " << instances << " instances ran\n";
}

} // namespace
} // namespace zocalo::toolstack::testing
