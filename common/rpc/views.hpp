// SPDX-License-Identifier: Apache-2.0
// What the daemon answers about domains, operations, events and the host: the output half of the
// control API (docs/api.md). Only data; shared by the daemon and zl, owned by neither.
#pragma once

#include "common/rpc/domain_config.hpp"

#include <boost/json/object.hpp>

#include <map>

namespace zocalo::rpc {

// running: may be scheduled (or blocked in the guest); unknown: Xen or xenstored could not be
// asked.
BOOST_DEFINE_ENUM_CLASS(
    DomainState,
    defined,
    building,
    running,
    paused,
    shutting_down,
    shutdown,
    crashed,
    dying,
    stopped,
    unknown
)
// managed: survives host reboot; transient: forgotten when it ends; foreign: made by others, only
// listed.
BOOST_DEFINE_ENUM_CLASS(Ownership, managed, transient, foreign)

struct VcpuView {
    std::uint32_t id{};
    std::int32_t cpu{-1}; // pCPU it runs or last ran on, -1: none yet
    bool online{}, blocked{}, running{};
    std::uint64_t cpu_time_ns{};
    std::string hard_affinity{"all"}, soft_affinity{"all"}; // xl's grammar: "all", "0-3", "0,2"
};
BOOST_DESCRIBE_STRUCT(
    VcpuView, (), (id, cpu, online, blocked, running, cpu_time_ns, hard_affinity, soft_affinity)
)

struct DiskView {
    std::uint32_t devid{};
    std::string vdev, target, format;
    bool readonly{}, cdrom{};
    std::string backend_state, frontend_state; // XenbusState words: "connected", "closed" …
    std::string backend_path;
    std::uint32_t backend_domid{};
    std::int64_t event_channel{-1}, ring_ref{-1}; // as xl prints them, -1: unknown
};
BOOST_DESCRIBE_STRUCT(
    DiskView,
    (),
    (devid,
     vdev,
     target,
     format,
     readonly,
     cdrom,
     backend_state,
     frontend_state,
     backend_path,
     backend_domid,
     event_channel,
     ring_ref)
)

// What a backend counted for one device since it was attached.
struct DeviceStats {
    std::string kind, name; // "disk" or "nic"; xvda, vif3.0
    std::uint32_t devid{};
    boost::json::object counters;
};
BOOST_DESCRIBE_STRUCT(DeviceStats, (), (kind, name, devid, counters))

struct NicView {
    std::uint32_t devid{};
    std::string mac, bridge, vifname;
    std::uint32_t mtu{};
    std::string backend_state, frontend_state, backend_path;
    std::uint32_t backend_domid{};
    std::int64_t tx_event_channel{-1}, rx_event_channel{-1}, tx_ring_ref{-1}, rx_ring_ref{-1};
};
BOOST_DESCRIBE_STRUCT(
    NicView,
    (),
    (devid,
     mac,
     bridge,
     vifname,
     mtu,
     backend_state,
     frontend_state,
     backend_path,
     backend_domid,
     tx_event_channel,
     rx_event_channel,
     tx_ring_ref,
     rx_ring_ref)
)

struct ChannelView {
    std::uint32_t devid{};
    std::string name, connection, path; // path: of the socket, or of the terminal once it is there
    std::string frontend_state, backend_path;
    std::uint32_t backend_domid{};
    std::int64_t event_channel{-1}, ring_ref{-1};
};
BOOST_DESCRIBE_STRUCT(
    ChannelView,
    (),
    (devid,
     name,
     connection,
     path,
     frontend_state,
     backend_path,
     backend_domid,
     event_channel,
     ring_ref)
)

struct DomainView {
    std::string uuid, name;
    std::int32_t domid{-1}; // -1: not in Xen
    Ownership ownership{};
    DomainState state{};
    // The flags behind xl's state letters r b p s c d, as Xen reports them.
    bool flag_running{}, flag_blocked{}, flag_paused{}, flag_shutdown{}, flag_crashed{},
        flag_dying{};
    std::int32_t shutdown_reason{-1}; // Xen's SHUTDOWN_*; -1: none
    GuestType type{};
    std::uint64_t memory_kib{}, maxmem_kib{};
    std::uint32_t vcpus_online{}, vcpus_max{};
    std::uint64_t cpu_time_ns{};
    std::uint64_t uptime_s{};
    std::string pool{"Pool-0"};
    std::string desired; // "running", "stopped", "paused" or empty (foreign)
    bool autostart{};
    std::string reason; // why the state is unknown, why the last start failed, …
};
BOOST_DESCRIBE_STRUCT(
    DomainView,
    (),
    (uuid,
     name,
     domid,
     ownership,
     state,
     flag_running,
     flag_blocked,
     flag_paused,
     flag_shutdown,
     flag_crashed,
     flag_dying,
     shutdown_reason,
     type,
     memory_kib,
     maxmem_kib,
     vcpus_online,
     vcpus_max,
     cpu_time_ns,
     uptime_s,
     pool,
     desired,
     autostart,
     reason)
)

// GET /v1/domains/{ref}: the view, the configuration and the devices.
struct DomainDetail {
    DomainView domain;
    std::optional<DomainConfig> config; // none for foreign domains
    std::vector<VcpuView> vcpus;
    std::vector<DiskView> disks;
    std::vector<NicView> nics;
    std::vector<ChannelView> channels;
    std::optional<std::uint32_t> weight, cap;
};
BOOST_DESCRIBE_STRUCT(DomainDetail, (), (domain, config, vcpus, disks, nics, channels, weight, cap))

BOOST_DEFINE_ENUM_CLASS(OpState, accepted, running, done, failed, cancelled)

struct OpView {
    std::uint64_t id{};
    std::string verb, uuid, name; // the domain it is about, if any
    OpState state{};
    std::string step;                         // what it is doing now, for progress
    std::string error_code, error, next;      // of a failed operation
    std::int64_t created_ms{}, finished_ms{}; // Unix time; 0: not yet
    std::string idempotency_key;
    std::uint32_t by_uid{};
    boost::json::object result; // e.g. {"domid": 7}
};
BOOST_DESCRIBE_STRUCT(
    OpView,
    (),
    (id,
     verb,
     uuid,
     name,
     state,
     step,
     error_code,
     error,
     next,
     created_ms,
     finished_ms,
     idempotency_key,
     by_uid,
     result)
)

struct EventView {
    std::uint64_t seq{}; // never repeats, never goes back
    std::int64_t time_ms{};
    std::string uuid, name,
        kind; // "domain.running", "domain.stopped", "device.attached", "op.done" …
    boost::json::object body;
};
BOOST_DESCRIBE_STRUCT(EventView, (), (seq, time_ms, uuid, name, kind, body))

struct HostView {
    std::string hostname, kernel, kernel_version, machine, hypervisor_version, hypervisor_extra,
        capabilities, scheduler, commandline, changeset, compiler, compiled_by, compile_domain,
        compile_date, build_id;
    std::uint32_t cpus{}, max_cpu_id{}, nodes{}, cores_per_socket{}, threads_per_core{}, cpu_mhz{},
        cpu_khz{};
    std::uint32_t free_cpus{}; // in no cpupool
    std::string hw_caps, virt_caps, platform_params;
    std::uint64_t total_memory_kib{}, free_memory_kib{}, outstanding_claims_kib{};
    std::uint64_t sharing_freed_kib{}, sharing_used_kib{}; // by pages that several domains share
    std::uint32_t page_size{4096};
    std::string toolstackd_version;
    std::uint64_t toolstackd_uptime_s{};
};
BOOST_DESCRIBE_STRUCT(
    HostView,
    (),
    (hostname,
     kernel,
     kernel_version,
     machine,
     hypervisor_version,
     hypervisor_extra,
     capabilities,
     scheduler,
     commandline,
     changeset,
     compiler,
     compiled_by,
     compile_domain,
     compile_date,
     build_id,
     cpus,
     max_cpu_id,
     nodes,
     cores_per_socket,
     threads_per_core,
     cpu_mhz,
     cpu_khz,
     free_cpus,
     hw_caps,
     virt_caps,
     platform_params,
     total_memory_kib,
     free_memory_kib,
     outstanding_claims_kib,
     sharing_freed_kib,
     sharing_used_kib,
     page_size,
     toolstackd_version,
     toolstackd_uptime_s)
)

// One finding of `zl doctor`.
struct FindingView {
    std::string severity; // "ok", "warning", "error"
    std::string check, text, next;
};
BOOST_DESCRIBE_STRUCT(FindingView, (), (severity, check, text, next))

} // namespace zocalo::rpc
