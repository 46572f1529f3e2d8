// SPDX-License-Identifier: Apache-2.0
// FakeWorld: a host in memory: hypervisor, xenstore, devices, consoles and time, with the awkward
// semantics of the real ones: domains linger while something maps them, guests stop by themselves,
// frontends connect late or never, xenstored goes away. It outlives the daemon under test, and
// writes down whatever no daemon may ever do.
#pragma once

#include "toolstackd/console/consoles.hpp"
#include "toolstackd/device/devices.hpp"
#include "toolstackd/domain/clock.hpp"
#include "toolstackd/sys/hypervisor.hpp"
#include "toolstackd/xenstore/store.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>

#include <map>
#include <random>
#include <set>

namespace zocalo::toolstack::testing {

// Thrown where the daemon dies. To a TaskScope it looks like a cancellation.
struct Killed : boost::system::system_error {
    Killed();
};

class FakeClock final : public Clock {
  public:
    std::int64_t now_ms() const override { return now_; }
    Alarm at(std::int64_t ms, std::function<void()> then) override;
    // Goes to the next alarm, at most to `limit`, and rings it; false when there is none.
    bool advance(std::int64_t limit);

  private:
    struct Entry {
        std::function<void()> then;
    };
    std::int64_t now_{1'000'000};
    std::multimap<std::int64_t, std::weak_ptr<Entry>> alarms_;
};

struct Guest {
    LiveDomain live;
    bool built{}, ran{}, introduced{}, foreign{};
    std::int64_t reap_at{};
};

// How guests of the test behave.
struct Behaviour {
    bool connects{true}, lets_go{true}, obeys{true}, bad_kernel{};
    std::int64_t connect_ms{20}, act_ms{20}, dying_ms{15}, dump_ms{0};
};

struct BackendProcess {
    std::map<DeviceKey, DeviceConfig> devices;
    DomId domid;
    std::int32_t pid{};
};

struct FakeWorld {
    explicit FakeWorld(boost::asio::io_context& io_context);

    // What a call of the daemon costs in time and turns; throws when the daemon is dead.
    boost::asio::awaitable<void> pass_time();
    void violate(const std::string& what);

    Guest* guest(DomId domid);
    Guest* guest_of(const rpc::Uuid& uuid);
    // The guest stops by itself (SHUTDOWN_*).
    void shut_down(const rpc::Uuid& uuid, std::uint8_t reason);
    // As `xl destroy` does: its nodes go at once, its pages when nobody maps them any more.
    void destroy_from_outside(const rpc::Uuid& uuid);
    DomId add_foreign(const std::string& name);
    rpc::Uuid seeded_uuid();
    void reap();
    bool held(const Guest& guest) const;
    void fire(const std::string& path);
    std::uint64_t free_kib() const;
    void host_reboot();

    boost::asio::io_context& io;
    FakeClock clock;
    std::mt19937_64 random{1};
    bool jitter{}; // calls take random time
    bool dead{};   // the daemon is: every call it still makes throws

    bool hv_up{true}, store_up{true};
    std::uint64_t total_kib{1024 * 1024};
    std::uint16_t next_domid{1}, last_domid{200};
    std::map<DomId, Guest> guests;
    std::map<rpc::Uuid, int> runs;   // instances that were ever unpaused
    std::map<rpc::Uuid, int> exits;  // times the guest stopped by itself
    std::set<rpc::Uuid> may_destroy; // somebody asked for it
    std::set<std::string> cores;     // complete core files
    std::string fail_at;             // the next call of that name fails

    std::map<std::string, std::string> nodes;
    std::vector<std::pair<std::string, std::function<void(const std::string&)>>> watches;
    std::uint64_t requests{};

    std::map<rpc::Uuid, BackendProcess> processes;
    std::set<std::pair<DomId, DeviceKey>> connected;
    std::vector<std::string> freed_loops;
    std::set<rpc::Uuid> followed, consoles; // of this daemon's life
    Devices::Notice notice;
    std::int32_t next_pid{100};
    Behaviour behaviour;

    std::vector<std::string> violations;

    boost::asio::awaitable<void> sleep(std::int64_t ms);
    bool fails(const std::string& call);
};

std::unique_ptr<Hypervisor> make_fake_hypervisor(FakeWorld& world);
std::unique_ptr<Store> make_fake_store(FakeWorld& world);
std::unique_ptr<Devices> make_fake_devices(FakeWorld& world);
std::unique_ptr<Consoles> make_fake_consoles(FakeWorld& world);

// The number after `prefix` in a path; nullopt when it has another beginning.
std::optional<std::uint16_t> domid_in(const std::string& path, const std::string& prefix);

} // namespace zocalo::toolstack::testing
