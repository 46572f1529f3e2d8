// SPDX-License-Identifier: Apache-2.0
// Devices: the disks and network interfaces of domains: backend processes, image files, taps,
// bridge ports and the xenbus conversation with each frontend. Used by the reconciler; it knows no
// database and no policy. Everything it makes carries a mark by which `survey` finds it again after
// a restart.
#pragma once

#include "common/base/address.hpp"
#include "common/rpc/domain_config.hpp"
#include "common/rpc/uuid.hpp"
#include "common/rpc/views.hpp"
#include "toolstackd/sys/answer.hpp"
#include "toolstackd/xenstore/store.hpp"

#include <chrono>
#include <functional>
#include <variant>
#include <vector>

namespace zocalo::toolstack {

enum class DeviceKind { disk, nic };

struct DeviceKey {
    DeviceKind kind{};
    std::uint32_t devid{};
    friend auto operator<=>(const DeviceKey&, const DeviceKey&) = default;
};

using DeviceConfig =
    std::variant<rpc::DiskConfig, rpc::NicConfig>; // resolved: devid and mac are set

DeviceKey key_of(const DeviceConfig& config);

// The domain a device belongs to; uuid is the mark on processes, domid names xenstore paths and
// taps.
struct DeviceOwner {
    rpc::Uuid uuid;
    DomId domid;
    std::string name;
};

// What exists on the host with our mark, whoever made it (for recovery, doctor and leak checks).
struct DeviceRemains {
    struct Process {
        rpc::Uuid uuid;
        DeviceKind kind{};
        std::int32_t pid{};
    };
    std::vector<Process> processes;
    std::vector<std::string> taps;          // our taps and their bridge ports
    std::vector<DomId> frontends, backends; // domids with device directories of ours in xenstore
};

class Devices {
  public:
    virtual ~Devices() = default;

    // Makes everything but the xenstore nodes: opens the images (exclusive writers are the caller's
    // policy), creates taps and bridge ports, starts the domain's backend process if need be and
    // adds the devices to it. Idempotent: what is there already is kept. Answers with the nodes of
    // all devices, to be committed together with the domain's own; backends start in InitWait.
    virtual Answer<std::vector<StoreChange>>
    prepare(const DeviceOwner& owner, std::vector<DeviceConfig> devices) = 0;

    // Follows the frontends of these devices from now on: connects, reconnects, closes. Call it
    // after the nodes were committed, and again after a restart of the daemon (`prepare` is not
    // needed then: the backend process still has the devices).
    virtual Answer<Unit> follow(const DeviceOwner& owner, std::vector<DeviceConfig> devices) = 0;

    // Waits until the frontend is connected: Code::timeout, or the reason why it never will be.
    virtual Answer<Unit>
    wait_connected(const rpc::Uuid& uuid, DeviceKey device, std::chrono::milliseconds limit) = 0;

    // Orderly unplug: online=0, Closing, until both ends are Closed (Code::timeout when the guest
    // does not follow), then frees everything of the device but its xenstore nodes. `force` does
    // not ask the guest.
    virtual Answer<Unit> detach(
        const DeviceOwner& owner, DeviceKey device, bool force, std::chrono::milliseconds limit
    ) = 0;
    // The removals that make the device's nodes disappear.
    virtual std::vector<StoreChange>
    nodes_to_remove(const DeviceOwner& owner, DeviceKey device) const = 0;
    // The removals of everything of ours on the backends' side of a domain that Xen does not have.
    virtual std::vector<StoreChange> stale_nodes(DomId domid) const = 0;

    // The domain is gone from Xen: stops its backend processes and frees all its devices.
    // Idempotent.
    virtual Answer<Unit> release_all(const rpc::Uuid& uuid, DomId domid) = 0;

    // Takes the file from a loop device that another toolstack made for a domain that was adopted;
    // nothing happens when the device serves another file by now.
    virtual Answer<Unit> free_loop(const std::string& path, const std::string& file) = 0;

    virtual Answer<std::vector<rpc::DiskView>> disks(const DeviceOwner& owner) = 0;
    virtual Answer<std::vector<rpc::NicView>> nics(const DeviceOwner& owner) = 0;
    virtual Answer<DeviceRemains> survey() = 0;

    // From now on, and for a process that takes the place of this one. Code::not_found.
    virtual Answer<Unit>
    set_limits(const DeviceOwner& owner, DeviceKey device, const rpc::LimitConfig& limits) = 0;
    // The disk's image may have another size: the guest is told if it has.
    virtual Answer<Unit> measure(const DeviceOwner& owner, DeviceKey device) = 0;
    // Puts the image of `disk`, a CD drive that is there, in place of the one that is in it; no
    // target: takes it out. The guest sees a size of another.
    virtual Answer<Unit> change_medium(const DeviceOwner& owner, rpc::DiskConfig disk) = 0;
    virtual Answer<std::vector<rpc::DeviceStats>> stats(const DeviceOwner& owner) = 0;

    // Called on the daemon's thread when a device changed by itself: a guest connected, a backend
    // process died, a hostile ring was stopped. `text` is for the event log.
    using Notice = std::function<
        void(const rpc::Uuid&, DeviceKey, const std::string& kind, const std::string& text)>;
    virtual void on_notice(Notice notice) = 0;
};

} // namespace zocalo::toolstack
