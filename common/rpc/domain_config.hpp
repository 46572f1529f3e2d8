// SPDX-License-Identifier: Apache-2.0
// DomainConfig: what a domain should be, as zl sends it and as the daemon's database keeps it
// (JSON). It is the resolved meaning of an xl.cfg file: defaults applied, grammar gone. Names are
// xl.cfg's. Nothing here knows Xen, files or the network; `check` finds what can be found without
// them.
#pragma once

#include "common/error/error.hpp"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace zocalo::rpc {

BOOST_DEFINE_ENUM_CLASS(GuestType, pv, pvh, hvm)

// What to do when a domain stops (xl.cfg(5), EVENT ACTIONS). JSON and C++ spell "-" as "_".
BOOST_DEFINE_ENUM_CLASS(
    StopAction, destroy, restart, rename_restart, preserve, coredump_destroy, coredump_restart
)

BOOST_DEFINE_ENUM_CLASS(TscMode, default_, always_emulate, native, native_paravirt)

// What a device may do, as token buckets; 0: no limit, and a burst of a tenth of a second's worth.
struct LimitConfig {
    std::uint64_t bytes_per_second{}, bytes_burst{};
    std::uint64_t operations_per_second{}, operations_burst{};
    std::string group; // of a disk: its buckets are those of all disks that name the group

    friend bool operator==(const LimitConfig&, const LimitConfig&) = default;
};
BOOST_DESCRIBE_STRUCT(
    LimitConfig, (), (bytes_per_second, bytes_burst, operations_per_second, operations_burst, group)
)

// One disk (xl-disk-configuration(5)).
struct DiskConfig {
    std::string target; // absolute path of an image file or a block device; empty: empty CD drive
    std::string format{"raw"}; // raw; qcow2, vhd, qed are refused by the daemon for now
    std::string vdev;          // xvda, sda1, hdc, d0p1 or a number
    bool readonly{false};
    bool cdrom{false};
    bool discard{true};
    bool direct_io_safe{false}; // accepted, meaningless: our backend always uses O_DIRECT safely
    bool trusted{true};         // what the frontend is told (`trusted=0` makes it bounce its pages)
    std::string backend{"0"};   // only the toolstack's own domain is supported
    std::string backendtype;    // empty: ours; phy, qdisk, tap: accepted and treated as ours
    std::string script;
    std::optional<std::uint32_t> devid; // xenstore device number; derived from vdev when absent
    std::uint32_t sector_size{512};     // what the guest may address; 512 or 4096
    LimitConfig limits;

    friend bool operator==(const DiskConfig&, const DiskConfig&) = default;
};
BOOST_DESCRIBE_STRUCT(
    DiskConfig,
    (),
    (target,
     format,
     vdev,
     readonly,
     cdrom,
     discard,
     direct_io_safe,
     trusted,
     backend,
     backendtype,
     script,
     devid,
     sector_size,
     limits)
)

// One network interface (xl-network-configuration(5)).
struct NicConfig {
    std::optional<std::uint32_t> devid; // position in the list when absent
    std::string mac;                    // empty: chosen once by the daemon, 00:16:3e:xx:xx:xx
    std::string bridge{"xenbr0"};
    std::string gatewaydev;
    std::string type{"vif"};
    std::string model;
    std::string vifname; // empty: vif<domid>.<devid>
    std::string script;
    std::string ip;
    std::string backend{"0"};
    std::string rate; // as given
    std::optional<std::uint32_t> mtu;
    std::string vlan;
    bool trusted{true};
    // Of its port of the bridge: no frames to other isolated ports; whether the bridge learns where
    // addresses are from what the guest sends; whether it gets frames to addresses nobody knows.
    bool isolated{false}, learning{true}, flood{true};
    // Offloads between guest and host: frames in several pieces, TCP to be segmented (which needs
    // both others), unfinished checksums.
    bool scatter_gather{true}, segmentation{true}, checksums{true};
    LimitConfig limits; // what `rate` means; in each direction

    friend bool operator==(const NicConfig&, const NicConfig&) = default;
};
BOOST_DESCRIBE_STRUCT(
    NicConfig,
    (),
    (devid,
     mac,
     bridge,
     gatewaydev,
     type,
     model,
     vifname,
     script,
     ip,
     backend,
     rate,
     mtu,
     vlan,
     trusted,
     isolated,
     learning,
     flood,
     scatter_gather,
     segmentation,
     checksums,
     limits)
)

// A channel (xl's channel=, xen-pv-channel(7)): a console of the guest's that is a socket or a
// terminal in dom0.
struct ChannelConfig {
    std::optional<std::uint32_t> devid; // 1 … 9; position in the list, from 1, when absent
    std::string name;                   // what the guest knows it by
    std::string connection;             // "socket" or "pty"
    std::string path;                   // of the socket
    std::string backend{"0"};           // only the toolstack's own domain is supported

    friend bool operator==(const ChannelConfig&, const ChannelConfig&) = default;
};
BOOST_DESCRIBE_STRUCT(ChannelConfig, (), (devid, name, connection, path, backend))

struct SchedConfig {
    std::optional<std::uint32_t> weight; // credit2: 1…65535, 256 by default
    std::optional<std::uint32_t> cap;    // percent of one pCPU, 0 = none

    friend bool operator==(const SchedConfig&, const SchedConfig&) = default;
};
BOOST_DESCRIBE_STRUCT(SchedConfig, (), (weight, cap))

// What happens to the domain when the host or the daemon starts (zl's own keys).
struct AutostartConfig {
    bool enabled{false};
    std::uint32_t order{100};         // lower starts first
    std::uint32_t delay_s{0};         // wait after this domain was started
    std::vector<std::string> depends; // names or uuids that must run before

    friend bool operator==(const AutostartConfig&, const AutostartConfig&) = default;
};
BOOST_DESCRIBE_STRUCT(AutostartConfig, (), (enabled, order, delay_s, depends))

struct DomainConfig {
    std::string name;
    std::string uuid; // canonical text; empty: chosen by the daemon
    GuestType type{GuestType::pv};
    std::string kernel, ramdisk, cmdline;
    std::uint64_t memory_mib{128};
    std::uint64_t maxmem_mib{0}; // 0: same as memory
    std::uint32_t vcpus{1};
    std::uint32_t maxvcpus{0}; // 0: same as vcpus
    std::vector<std::string>
        cpus; // hard affinity, xl's grammar; one entry: all vCPUs, else one each
    std::vector<std::string> cpus_soft;
    std::string pool;
    SchedConfig sched;
    StopAction on_poweroff{StopAction::destroy};
    StopAction on_reboot{StopAction::restart};
    StopAction on_crash{StopAction::destroy};
    StopAction on_watchdog{StopAction::destroy};
    std::uint32_t max_grant_frames{64};
    std::uint32_t max_maptrack_frames{1024};
    std::uint32_t max_grant_version{2};
    std::uint32_t max_event_channels{1023};
    TscMode tsc_mode{TscMode::default_};
    std::vector<DiskConfig> disks;
    std::vector<NicConfig> nics;
    std::vector<ChannelConfig> channels;
    std::vector<std::string> extra_consoles; // reserved; kept for rows written when it had a name
    AutostartConfig autostart;

    friend bool operator==(const DomainConfig&, const DomainConfig&) = default;
};
BOOST_DESCRIBE_STRUCT(
    DomainConfig,
    (),
    (name,
     uuid,
     type,
     kernel,
     ramdisk,
     cmdline,
     memory_mib,
     maxmem_mib,
     vcpus,
     maxvcpus,
     cpus,
     cpus_soft,
     pool,
     sched,
     on_poweroff,
     on_reboot,
     on_crash,
     on_watchdog,
     max_grant_frames,
     max_maptrack_frames,
     max_grant_version,
     max_event_channels,
     tsc_mode,
     disks,
     nics,
     channels,
     extra_consoles,
     autostart)
)

// The xenstore device number of a vdev name: xvd, sd, hd, dNpM or a plain number
// (xen-vbd-interface(7)). Code::usage with the accepted forms otherwise.
Outcome<std::uint32_t> device_number(const std::string& vdev);

// Fills maxmem, maxvcpus, device numbers; then checks everything that needs no host: names, ranges,
// duplicates, what is not supported. The first problem found is the answer.
Outcome<DomainConfig> resolve(DomainConfig config);

} // namespace zocalo::rpc
