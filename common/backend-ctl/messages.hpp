// SPDX-License-Identifier: Apache-2.0
// The words toolstackd and a backend process (zocalo-blkback, zocalo-netback) say to each other, as
// plain types. toolstackd sends requests; the backend sends exactly one answer to each, in any
// order, and events of its own. codec.hpp turns them into datagrams. Nothing here knows sockets or
// xenstore.
//
// Every list and string has a bound, checked in both directions: toolstackd must survive a backend
// that a guest has taken over, so an answer is as hostile as a guest.
#pragma once

#include "common/base/address.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace zocalo::backend {

// Raised whenever a message changes its meaning or layout; both sides refuse another version.
inline constexpr std::uint32_t kProtocolVersion = 6;

inline constexpr std::size_t kMaxMessageBytes = 65536;
inline constexpr std::size_t kMaxFds = 16;
inline constexpr std::size_t kMaxQueues = 16;
inline constexpr std::size_t kMaxRefsPerQueue = 16; // ring order 4
inline constexpr std::size_t kMaxPortsPerQueue = 2;
inline constexpr std::size_t kMaxDevices = 64;
inline constexpr std::size_t kMaxNodes = 48;
inline constexpr std::size_t kMaxKeyBytes = 48;
inline constexpr std::size_t kMaxValueBytes = 64;
inline constexpr std::size_t kMaxTextBytes = 512;
inline constexpr std::size_t kMaxCounters = 128;
inline constexpr std::size_t kMaxHeadroom = 2048; // half a page
inline constexpr std::uint32_t kMaxProcessors = 1024;

enum class Kind : std::uint8_t { blk = 1, net = 2 };

// The device number in xenstore: the virtual device number of a vbd (51712 = xvda), the index of a
// vif.
using DeviceId = std::uint32_t;

// Which structure layout the frontend uses (`protocol`, xen/io/protocols.h).
enum class RingAbi : std::uint8_t { native = 0, x86_32 = 1, x86_64 = 2 };

// --- requests
// -------------------------------------------------------------------------------------

// The first message on a connection. Answer: HelloAnswer.
struct Hello {
    std::uint32_t version{kProtocolVersion};
    friend bool operator==(const Hello&, const Hello&) = default;
};

// A disk; two fds: the opened image (O_DIRECT where the file system has it; none when it is
// `empty`) and the file of its journal, which outlives the process (missing: it cannot be
// continued). Answer: Ready.
struct AddDisk {
    DeviceId device{};
    bool read_only{};
    bool cdrom{};
    bool empty{};                   // a drive without a medium
    bool discard{};                 // offered, if the medium can
    std::uint32_t sector_size{512}; // what the guest shall see: 512 or 4096
    std::string label;              // for log lines, such as "web1 xvda"
    friend bool operator==(const AddDisk&, const AddDisk&) = default;
};

// A network card; one fd per queue, taps opened with IFF_VNET_HDR, then the file of its journal
// (may be missing, as a disk's). Answer: Ready.
struct AddNic {
    DeviceId device{};
    std::array<std::uint8_t, 6> mac{};
    std::uint32_t mtu{1500};
    std::uint32_t queues{1};
    // Whether frames may come in several slots, as TCP to be segmented, with unfinished checksums.
    bool scatter_gather{true};
    bool segmentation{true};
    bool checksums{true};
    std::string label;
    friend bool operator==(const AddNic&, const AddNic&) = default;
};

// One queue as the frontend published it. blk: refs = the ring's pages in order, ports = {event
// channel}. net: refs = {tx, rx}, ports = {both} or {tx, rx}.
struct Queue {
    std::vector<GrantRef> refs;
    std::vector<EventPort> ports;
    friend bool operator==(const Queue&, const Queue&) = default;
};

// A card's control ring: ctrl-ring-ref and event-channel-ctrl.
struct ControlRing {
    GrantRef ref{};
    EventPort port{};
    friend bool operator==(const ControlRing&, const ControlRing&) = default;
};

// What the frontend can do, as bits; each is one `feature-*` or `request-*` key of its directory.
enum class Feature : std::uint32_t {
    persistent = 1u << 0,         // blk: feature-persistent
    scatter_gather = 1u << 8,     // net: feature-sg
    gso_tcpv4 = 1u << 9,          // net: feature-gso-tcpv4
    gso_tcpv6 = 1u << 10,         // net: feature-gso-tcpv6
    no_csum_offload = 1u << 11,   // net: feature-no-csum-offload
    ipv6_csum_offload = 1u << 12, // net: feature-ipv6-csum-offload
    rx_notify = 1u << 13,         // net: feature-rx-notify
    rx_copy = 1u << 14,           // net: request-rx-copy
    multicast_control = 1u << 15, // net: request-multicast-control
};

// Map the rings and serve. Answer: Done (connected) or Failed (nothing is mapped).
// `resume`: a process before this one served these rings and died; go on where it stopped.
struct Connect {
    DeviceId device{};
    DomId frontend{};
    RingAbi abi{RingAbi::native};
    std::uint32_t features{}; // of Feature
    bool resume{};
    std::uint16_t headroom{}; // net: xdp-headroom, as SetHeadroom
    std::vector<Queue> queues;
    std::optional<ControlRing> control{}; // net
    bool has(Feature f) const { return (features & static_cast<std::uint32_t>(f)) != 0; }
    friend bool operator==(const Connect&, const Connect&) = default;
};

// Finish what is in flight, then unmap. Answer: Done, also when nothing was connected.
struct Disconnect {
    DeviceId device{};
    friend bool operator==(const Disconnect&, const Disconnect&) = default;
};

// Forget the device and close its files; disconnects first. Answer: Done, also when it is unknown.
struct RemoveDevice {
    DeviceId device{};
    friend bool operator==(const RemoveDevice&, const RemoveDevice&) = default;
};

// Answer: DeviceList.
struct ListDevices {
    friend bool operator==(const ListDevices&, const ListDevices&) = default;
};

// Answer: Stats.
struct GetStats {
    DeviceId device{};
    friend bool operator==(const GetStats&, const GetStats&) = default;
};

// Token buckets; 0 = unlimited. Of a card they hold in each direction. `group` (of disks): the
// buckets are those of every disk whose limits name the group, and all of them get these. Answer:
// Done.
struct SetLimits {
    DeviceId device{};
    std::uint64_t bytes_per_second{};
    std::uint64_t bytes_burst{};
    std::uint64_t operations_per_second{};
    std::uint64_t operations_burst{};
    std::string group;
    friend bool operator==(const SetLimits&, const SetLimits&) = default;
};

// The image may have another size than before. Answer: Done; DeviceChanged before it if it has.
struct MeasureDisk {
    DeviceId device{};
    friend bool operator==(const MeasureDisk&, const MeasureDisk&) = default;
};

// Another medium for a CD drive; one fd, the opened image, or none: it is taken out. Answer: Done
// once what was under way has ended; DeviceChanged before it if it has another size.
struct ChangeMedium {
    DeviceId device{};
    friend bool operator==(const ChangeMedium&, const ChangeMedium&) = default;
};

// Bytes that a card leaves free before the data in each page it fills, for the guest's XDP programs
// (xdp-headroom); at most kMaxHeadroom. Answer: Done.
struct SetHeadroom {
    DeviceId device{};
    std::uint16_t bytes{};
    friend bool operator==(const SetHeadroom&, const SetHeadroom&) = default;
};

// The processor that hears the events of the process' guest, below kMaxProcessors: the process is
// best woken there, and goes back when it finds itself elsewhere. Answer: Done.
struct Settle {
    std::uint32_t processor{};
    friend bool operator==(const Settle&, const Settle&) = default;
};

// Disconnect and remove everything, answer Done, exit 0.
struct Shutdown {
    friend bool operator==(const Shutdown&, const Shutdown&) = default;
};

using Request = std::variant<
    Hello,
    AddDisk,
    AddNic,
    Connect,
    Disconnect,
    RemoveDevice,
    ListDevices,
    GetStats,
    SetLimits,
    MeasureDisk,
    ChangeMedium,
    SetHeadroom,
    Settle,
    Shutdown>;

// --- answers and events
// ---------------------------------------------------------------------------

struct HelloAnswer {
    std::uint32_t version{kProtocolVersion};
    Kind kind{Kind::blk};
    DomId domain{};
    friend bool operator==(const HelloAnswer&, const HelloAnswer&) = default;
};

struct Done {
    friend bool operator==(const Done&, const Done&) = default;
};

struct Failed {
    std::string text; // what failed and why, for a person
    std::string next; // what to do next, or empty
    friend bool operator==(const Failed&, const Failed&) = default;
};

// A node for the backend's xenstore directory. Keys are checked by publishable() when decoded: a
// backend can neither leave the directory nor touch the nodes that toolstackd owns.
struct Node {
    std::string key;
    std::string value;
    friend bool operator==(const Node&, const Node&) = default;
};

// True for names of [a-z0-9-], at most kMaxKeyBytes, that are not toolstackd's own (state, online,
// frontend, frontend-id …).
bool publishable(const std::string& key);

// The device is open. toolstackd writes `features` with InitWait and `connected` with Connected.
struct Ready {
    DeviceId device{};
    std::vector<Node> features;
    std::vector<Node> connected;
    friend bool operator==(const Ready&, const Ready&) = default;
};

enum class DeviceState : std::uint8_t {
    idle = 0,      // added, no rings
    connected = 1, // rings mapped and served
    stopped = 2,   // rings mapped, not served: see DeviceStopped
    draining = 3,  // a disconnect is under way
};

struct Device {
    DeviceId device{};
    DeviceState state{DeviceState::idle};
    DomId frontend{};           // while connected
    std::vector<Node> features; // as in Ready
    std::vector<Node> connected;
    friend bool operator==(const Device&, const Device&) = default;
};

struct DeviceList {
    std::vector<Device> devices;
    friend bool operator==(const DeviceList&, const DeviceList&) = default;
};

struct Counter {
    std::string name; // "read_bytes", "errors"
    std::uint64_t value{};
    friend bool operator==(const Counter&, const Counter&) = default;
};

struct Stats {
    DeviceId device{};
    std::vector<Counter> counters;
    friend bool operator==(const Stats&, const Stats&) = default;
};

// Event: this device is served no longer (broken ring, image gone); the process and its other
// devices go on. Disconnect and Connect bring it back.
struct DeviceStopped {
    DeviceId device{};
    std::string reason;
    friend bool operator==(const DeviceStopped&, const DeviceStopped&) = default;
};

// Event: what Ready said has changed (the image grew); write `connected` again.
struct DeviceChanged {
    DeviceId device{};
    std::vector<Node> connected;
    friend bool operator==(const DeviceChanged&, const DeviceChanged&) = default;
};

using Answer = std::variant<HelloAnswer, Done, Failed, Ready, DeviceList, Stats>;
using Event = std::variant<DeviceStopped, DeviceChanged>;

} // namespace zocalo::backend
