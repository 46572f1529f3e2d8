// SPDX-License-Identifier: Apache-2.0
// BackendLauncher: starts, finds and ends backend processes. A process belongs to a domain's uuid
// and a kind; it outlives the daemon, and its socket's path is how it is reached again. All calls
// but connect() block and run on a pool. An interface, so that tests play the backend themselves.
#pragma once

#include "common/posix/unique_fd.hpp"
#include "toolstackd/device/backend_scope.hpp"
#include "toolstackd/device/devices.hpp"

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace zocalo::toolstack {

// Processes of different domains cannot reach each other, nor those of a domain's other kind. No
// account has these numbers: above those that systemd gives to containers, below 2^31.
inline constexpr unsigned kFirstBackendUser = 0x70000000;
unsigned backend_user(DomId domid, DeviceKind kind);

class BackendLauncher {
  public:
    virtual ~BackendLauncher() = default;

    // A new process; one that is left over from before is killed.
    virtual Outcome<Unit> start(const rpc::Uuid& uuid, DeviceKind kind, DomId domid) = 0;
    // A connection to the process's control socket; Code::unreachable when there is none.
    virtual Outcome<UniqueFd> connect(const rpc::Uuid& uuid, DeviceKind kind) = 0;
    // Makes sure that it is gone, by SIGKILL after `grace`, and removes its socket. Idempotent.
    virtual Outcome<Unit>
    end(const rpc::Uuid& uuid, DeviceKind kind, std::chrono::milliseconds grace) = 0;
    virtual Outcome<std::vector<DeviceRemains::Process>> find() = 0;
    // The file in which a device's process notes what is under way, so that the next one can go on;
    // made if it is not there. It stays until it is dropped or the processes are ended.
    virtual Outcome<UniqueFd> journal(const rpc::Uuid& uuid, DeviceKey device) = 0;
    virtual void drop_journal(const rpc::Uuid& uuid, DeviceKey device) = 0;
    // Of dom0's processors the one that hears what is joined to that port of the domain; nothing
    // when it cannot be told or makes no difference. Short.
    virtual std::optional<std::uint32_t> hearing(DomId, EventPort) { return std::nullopt; }
};

// Of a card's ring: while it is watched, frames for the guest wait in the tap.
inline constexpr std::chrono::microseconds kCardWatch{100};

struct LauncherOptions {
    std::string directory{"/run/zocalo/backends"};
    std::array<std::string, 2> programs; // of disk and nic; empty: where the package puts them
    unsigned uid{}, gid{};               // what the process becomes; 0: it stays root
    bool own_users{true}; // unless it stays root: a number of its own for each process
    // Steps of nice(1) before other programs: whoever waits for a frame or a block that a process
    // hands on would else run before it hands on the next.
    int priority{};
    // How long a process watches a ring before it sleeps; none: those of disks as suits what a
    // sleep costs here, those of cards kCardWatch.
    std::optional<std::chrono::microseconds> watch;
    std::string disk_engine{"libaio"}; // how disks' processes ask the kernel for blocks
    std::string event_channels{"/dev/xen/evtchn"}, grants{"/dev/xen/gntdev"};
    std::string own_grants{"/dev/xen/gntalloc"}; // of cards; they do without, at a price
    // Where dom0 hears a port's events (XenCalls::hearing); empty: processes stay where they start.
    std::function<Outcome<std::uint32_t>(DomId, EventPort)> hearing;
    bool pid_namespaces{false}; // each process the first of a PID namespace of its own; needs root
    bool scope{true}; // when systemd runs, the processes leave the daemon's scope for one of theirs
};

// Processes of zocalo-blkback and zocalo-netback: argv[0] is "zocalo-blkback@UUID", the mark by
// which they are found; they are handed a listening socket and devices of Xen.
class ProcessLauncher final : public BackendLauncher {
  public:
    explicit ProcessLauncher(LauncherOptions options);

    Outcome<Unit> start(const rpc::Uuid& uuid, DeviceKind kind, DomId domid) override;
    Outcome<UniqueFd> connect(const rpc::Uuid& uuid, DeviceKind kind) override;
    Outcome<Unit>
    end(const rpc::Uuid& uuid, DeviceKind kind, std::chrono::milliseconds grace) override;
    Outcome<std::vector<DeviceRemains::Process>> find() override;
    Outcome<UniqueFd> journal(const rpc::Uuid& uuid, DeviceKey device) override;
    void drop_journal(const rpc::Uuid& uuid, DeviceKey device) override;
    std::optional<std::uint32_t> hearing(DomId domid, EventPort port) override;

  private:
    std::string journal_path(const rpc::Uuid& uuid, DeviceKey device) const;
    Outcome<Unit> kill(const rpc::Uuid& uuid, DeviceKind kind, std::chrono::milliseconds grace);
    std::string socket_path(const rpc::Uuid& uuid, DeviceKind kind) const;
    Outcome<UniqueFd> listen(const std::string& path) const;
    Outcome<std::vector<UniqueFd>> to_hand_over(const rpc::Uuid& uuid, DeviceKind kind) const;
    std::string program(DeviceKind kind) const;
    std::chrono::microseconds watch(DeviceKind kind);

    using Mark = std::pair<rpc::Uuid, DeviceKind>;

    // The processes of that mark. /proc is searched for those of an earlier daemon the first time
    // only: later ones are ours, and a search costs more the more domains there are.
    Outcome<std::vector<pid_t>> known(const Mark& mark);
    bool is_still(const Mark& mark, pid_t pid);
    void give_group(const Mark& mark, pid_t pid);
    void forget(const Mark& mark); // after its end

    LauncherOptions options_;
    std::once_flag measured_; // what a sleep costs, before the first disk's process starts
    std::chrono::microseconds disk_watch_{};
    std::mutex mutex_; // guards what follows
    bool searched_{};
    std::map<Mark, std::vector<pid_t>> processes_;
    std::vector<pid_t> children_; // not reaped yet
    BackendScope scope_;
};

} // namespace zocalo::toolstack
