// SPDX-License-Identifier: Apache-2.0
// The rows of the domain database, as the domain layer holds them in memory and the tables write
// them. Only data: what a phase or a state means is decided in toolstackd/domain.
#pragma once

#include "common/rpc/uuid.hpp"
#include "common/rpc/views.hpp"

#include <boost/describe/enum.hpp>
#include <boost/json/object.hpp>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace zocalo::toolstack {

BOOST_DEFINE_ENUM_CLASS(Desired, stopped, running, paused)

// none: not in Xen. queued: waits for its turn at host boot. starting: to be built, nothing of it
// exists or what exists is to be thrown away. building: the domid is known, never unpaused. built:
// complete, perhaps unpaused. running: confirmed. preserved: has ended, kept on request. dumping:
// its end has been recorded, its core file is to be written. ending: its end has been recorded and
// acted on, what is left must go.
BOOST_DEFINE_ENUM_CLASS(
    Phase, none, queued, starting, building, built, running, preserved, dumping, ending
)

// What follows `ending`. keep: the domain stays in Xen under another name and uuid, then `restart`.
BOOST_DEFINE_ENUM_CLASS(AfterEnd, stop, restart, keep)

BOOST_DEFINE_ENUM_CLASS(ResourceState, reserved, live, releasing)
BOOST_DEFINE_ENUM_CLASS(DeviceState, attaching, live, releasing)

struct DomainRow {
    rpc::Uuid uuid;
    std::string name;
    rpc::DomainConfig config; // used at the next start, kept true to what was changed since
    std::uint64_t generation{1};
    bool managed{};
    Desired desired{};
    std::string reason; // why it is as it is: the last failed start, the last end
    std::int64_t created_ms{};
};

struct InstanceRow {
    rpc::Uuid uuid;
    std::int32_t domid{-1};
    std::string boot_id;      // the host's boot this instance belongs to
    std::uint64_t boot_seq{}; // counts the starts of this domain
    Phase phase{};
    AfterEnd after_end{};
    bool start_paused{};
    std::int64_t started_ms{};
    std::string last_exit; // "poweroff", "crash", "destroyed" …
    std::int64_t exit_ms{};
    std::uint32_t failures{}; // ends in a row that came too soon after the start
    std::int64_t not_before_ms{};
    std::uint64_t store_frame{}, console_frame{};
    std::uint32_t store_port{}, console_port{};
};

struct OpRow {
    std::uint64_t id{}; // 0: not written yet
    std::string uuid, name, verb;
    boost::json::object args;
    rpc::OpState state{};
    std::string step, idem_key;
    std::uint32_t by_uid{};
    std::int32_t domid{-1}; // of a foreign domain
    std::uint64_t boot_seq{};
    std::int64_t created_ms{}, deadline_ms{}, finished_ms{};
    std::string error_code, error, next;
    boost::json::object result;
};

struct ResourceRow {
    std::string kind, key; // ("disk", "file:64769:1234"), ("mac", "00:16:3e:01:02:03")
    rpc::Uuid uuid;
    ResourceState state{};
    std::uint32_t devid{}; // of the device that uses it
};

struct DeviceRow {
    rpc::Uuid uuid;
    std::variant<rpc::DiskConfig, rpc::NicConfig> config;
    DeviceState state{};
};

// Of a domain that has a console log, whether there still is such a domain or not.
struct ConsoleRow {
    rpc::Uuid uuid;
    std::string name;
    std::int64_t started_ms{}; // the last time
};

struct DeviceRef {
    rpc::Uuid uuid;
    bool disk{};
    std::uint32_t devid{};
};

DeviceRef ref_of(const DeviceRow& row);

// One step: everything in it becomes true together or not at all, and outlives the daemon however
// it dies.
struct Batch {
    // Must outlive a power cut as well. What only says how a guest of this host boot is doing need
    // not: the guest does not outlive it either.
    bool durable{true};
    std::vector<DomainRow> domains;
    std::vector<InstanceRow> instances;
    std::vector<OpRow> ops;
    std::vector<ResourceRow> resources;
    std::vector<DeviceRow> devices;
    std::vector<ConsoleRow> consoles;
    std::vector<DeviceRef> dropped_devices;
    std::vector<ResourceRow> dropped_resources;
    std::vector<rpc::Uuid> dropped_domains;
    std::vector<rpc::EventView> events;
    std::vector<std::pair<std::string, std::string>> meta;
    bool host_booted{}; // numbers that a power cut may have lost are left out from here on
};

// Everything that is kept, read once at start-up.
struct Contents {
    std::vector<DomainRow> domains;
    std::vector<InstanceRow> instances;
    std::vector<OpRow> ops; // unfinished ones and the newest finished, oldest first
    std::vector<ResourceRow> resources;
    std::vector<DeviceRow> devices;
    std::vector<ConsoleRow> consoles;
    std::vector<rpc::EventView> events; // the newest, oldest first
    std::uint64_t last_event{};         // the greatest sequence number ever given
    std::string boot_id;                // of the host when the database was last used
    std::uint64_t generation{};
};

} // namespace zocalo::toolstack
