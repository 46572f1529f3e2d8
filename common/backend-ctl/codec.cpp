// SPDX-License-Identifier: Apache-2.0
#include "common/backend-ctl/codec.hpp"

#include "common/backend-ctl/archive.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace zocalo::backend {
namespace {

constexpr std::uint32_t kMagic = 0x6b62435a; // "ZCbk"
// Requests, answers and events have type numbers of their own, so that none passes for another.
constexpr std::uint16_t kFirstRequest = 0x100;
constexpr std::uint16_t kFirstAnswer = 0x200;
constexpr std::uint16_t kFirstEvent = 0x300;

// --- field lists: the wire layout, in the order of messages.hpp
// ------------------------------------

template <class A> void flag(A& a, bool& value)
{
    auto byte = static_cast<std::uint8_t>(value);
    a.number(byte);
    a.check(byte <= 1, "a flag is neither 0 nor 1");
    value = byte == 1;
}

template <class E, class A> void choice(A& a, E& value, E last)
{
    auto byte = static_cast<std::uint8_t>(value);
    a.number(byte);
    a.check(byte <= static_cast<std::uint8_t>(last), "a choice is out of range");
    value = static_cast<E>(byte);
}

template <class A> void fields(A& a, Node& m)
{
    a.exact(m.key, kMaxKeyBytes);
    a.check(publishable(m.key), "a node may not have that name");
    a.exact(m.value, kMaxValueBytes);
    a.check(std::all_of(m.value.begin(), m.value.end(), is_text), "control characters in a node");
}

template <class A> void nodes(A& a, std::vector<Node>& list)
{
    a.list(list, kMaxNodes, [&a](Node& n) { fields(a, n); });
}

template <class A> void fields(A& a, Hello& m)
{
    a.number(m.version);
}

template <class A> void fields(A& a, AddDisk& m)
{
    a.number(m.device);
    flag(a, m.read_only);
    flag(a, m.cdrom);
    flag(a, m.empty);
    flag(a, m.discard);
    a.number(m.sector_size);
    a.text(m.label, kMaxTextBytes);
}

template <class A> void fields(A& a, AddNic& m)
{
    a.number(m.device);
    for (std::uint8_t& byte : m.mac)
        a.number(byte);
    a.number(m.mtu);
    a.number(m.queues);
    a.check(m.queues >= 1 && m.queues <= kMaxQueues, "the number of queues is out of range");
    flag(a, m.scatter_gather);
    flag(a, m.segmentation);
    flag(a, m.checksums);
    a.text(m.label, kMaxTextBytes);
}

template <class A> void fields(A& a, Queue& m)
{
    a.list(m.refs, kMaxRefsPerQueue, [&a](GrantRef& r) { a.number(r.value); });
    a.list(m.ports, kMaxPortsPerQueue, [&a](EventPort& p) { a.number(p.value); });
}

template <class A> void fields(A& a, Connect& m)
{
    a.number(m.device);
    a.number(m.frontend.value);
    choice(a, m.abi, RingAbi::x86_64);
    a.number(m.features);
    flag(a, m.resume);
    a.number(m.headroom);
    a.check(m.headroom <= kMaxHeadroom, "the headroom is out of range");
    a.list(m.queues, kMaxQueues, [&a](Queue& q) { fields(a, q); });
    bool control = m.control.has_value();
    flag(a, control);
    if (!control)
        return;
    ControlRing ring = m.control.value_or(ControlRing{});
    a.number(ring.ref.value);
    a.number(ring.port.value);
    m.control = ring;
}

template <class A> void fields(A& a, Disconnect& m)
{
    a.number(m.device);
}
template <class A> void fields(A& a, RemoveDevice& m)
{
    a.number(m.device);
}
template <class A> void fields(A&, ListDevices&) {}
template <class A> void fields(A& a, GetStats& m)
{
    a.number(m.device);
}

template <class A> void fields(A& a, SetLimits& m)
{
    a.number(m.device);
    a.number(m.bytes_per_second);
    a.number(m.bytes_burst);
    a.number(m.operations_per_second);
    a.number(m.operations_burst);
    a.text(m.group, kMaxKeyBytes);
}

template <class A> void fields(A& a, MeasureDisk& m)
{
    a.number(m.device);
}
template <class A> void fields(A& a, ChangeMedium& m)
{
    a.number(m.device);
}
template <class A> void fields(A& a, SetHeadroom& m)
{
    a.number(m.device);
    a.number(m.bytes);
    a.check(m.bytes <= kMaxHeadroom, "the headroom is out of range");
}
template <class A> void fields(A& a, Settle& m)
{
    a.number(m.processor);
    a.check(m.processor < kMaxProcessors, "there is no such processor");
}
template <class A> void fields(A&, Shutdown&) {}

template <class A> void fields(A& a, HelloAnswer& m)
{
    a.number(m.version);
    choice(a, m.kind, Kind::net);
    a.check(m.kind == Kind::blk || m.kind == Kind::net, "the kind of backend is unknown");
    a.number(m.domain.value);
}

template <class A> void fields(A&, Done&) {}

template <class A> void fields(A& a, Failed& m)
{
    a.text(m.text, kMaxTextBytes);
    a.text(m.next, kMaxTextBytes);
}

template <class A> void fields(A& a, Ready& m)
{
    a.number(m.device);
    nodes(a, m.features);
    nodes(a, m.connected);
}

template <class A> void fields(A& a, Device& m)
{
    a.number(m.device);
    choice(a, m.state, DeviceState::draining);
    a.number(m.frontend.value);
    nodes(a, m.features);
    nodes(a, m.connected);
}

template <class A> void fields(A& a, DeviceList& m)
{
    a.list(m.devices, kMaxDevices, [&a](Device& d) { fields(a, d); });
}

template <class A> void fields(A& a, Stats& m)
{
    a.number(m.device);
    a.list(m.counters, kMaxCounters, [&a](Counter& c) {
        a.exact(c.name, kMaxKeyBytes);
        a.check(
            std::all_of(c.name.begin(), c.name.end(), is_text), "a counter's name is unprintable"
        );
        a.number(c.value);
    });
}

template <class A> void fields(A& a, DeviceStopped& m)
{
    a.number(m.device);
    a.text(m.reason, kMaxTextBytes);
}

template <class A> void fields(A& a, DeviceChanged& m)
{
    a.number(m.device);
    nodes(a, m.connected);
}

// --- frames
// ---------------------------------------------------------------------------------------

template <class V>
void write_variant(Writer& w, std::uint16_t first, std::uint32_t sequence, V body)
{
    std::uint32_t magic = kMagic;
    std::uint16_t version = kProtocolVersion;
    auto type = static_cast<std::uint16_t>(first + body.index());
    w.number(magic);
    w.number(version);
    w.number(type);
    w.number(sequence);
    std::visit([&w](auto& message) { fields(w, message); }, body);
}

template <class V, std::size_t I = 0> bool read_alternative(Reader& r, std::size_t index, V& body)
{
    if constexpr (I < std::variant_size_v<V>) {
        if (index != I)
            return read_alternative<V, I + 1>(r, index, body);
        fields(r, body.template emplace<I>());
        return true;
    } else {
        return false;
    }
}

Outcome<Bytes> finish(Writer& w)
{
    if (!w.error().empty())
        return Error{
            Code::usage, "message to or from a backend is out of bounds: " + w.error(), {}};
    Bytes bytes = w.take();
    if (bytes.size() > kMaxMessageBytes)
        return Error{Code::usage, "message to or from a backend is longer than a datagram", {}};
    return bytes;
}

struct Head {
    std::uint16_t type{};
    std::uint32_t sequence{};
};

Error malformed(const std::string& why)
{
    return Error{Code::failed, "malformed message on a backend's control socket: " + why, {}};
}

Outcome<Head> read_head(Reader& r, std::span<const std::byte> datagram)
{
    std::uint32_t magic = 0;
    std::uint16_t version = 0;
    Head head;
    r.check(datagram.size() <= kMaxMessageBytes, "it is too long");
    r.number(magic);
    r.check(magic == kMagic, "it does not start as one");
    r.number(version);
    r.number(head.type);
    r.number(head.sequence);
    if (!r.error().empty())
        return malformed(r.error());
    if (version != kProtocolVersion)
        return Error{
            Code::unsupported,
            "the other side of a backend's control socket speaks version " +
                std::to_string(version) + ", this side " + std::to_string(kProtocolVersion),
            "restart the domain so that its backends are of the installed version"};
    return head;
}

template <class V> Outcome<V> read_body(Reader& r, std::uint16_t type, std::uint16_t first)
{
    V body;
    if (!read_alternative(r, static_cast<std::size_t>(type - first), body))
        return malformed("type " + std::to_string(type) + " is unknown");
    if (!r.error().empty())
        return malformed(r.error());
    if (!r.at_end())
        return malformed("bytes after its end");
    return body;
}

} // namespace

bool publishable(const std::string& key)
{
    constexpr std::array<std::string_view, 12> kOwned{
        "state",
        "online",
        "frontend",
        "frontend-id",
        "backend",
        "backend-id",
        "hotplug-status",
        "error",
        "params",
        "physical-device",
        "physical-device-path",
        "script"};
    const auto plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    };
    return !key.empty() && key.size() <= kMaxKeyBytes &&
           std::all_of(key.begin(), key.end(), plain) &&
           std::find(kOwned.begin(), kOwned.end(), key) == kOwned.end();
}

Outcome<Bytes> encode(const RequestFrame& frame)
{
    Writer w;
    w.check(frame.sequence != 0, "a request without a sequence number");
    write_variant(w, kFirstRequest, frame.sequence, frame.request);
    return finish(w);
}

Outcome<Bytes> encode(const BackendFrame& frame)
{
    Writer w;
    if (const Answer* answer = std::get_if<Answer>(&frame.body)) {
        w.check(frame.sequence != 0, "an answer without a sequence number");
        write_variant(w, kFirstAnswer, frame.sequence, *answer);
    } else {
        w.check(frame.sequence == 0, "an event with a sequence number");
        write_variant(w, kFirstEvent, 0, std::get<Event>(frame.body));
    }
    return finish(w);
}

Outcome<RequestFrame> decode_request(std::span<const std::byte> datagram)
{
    Reader r{datagram};
    const Head head = TRY(read_head(r, datagram));
    if (head.sequence == 0 || head.type < kFirstRequest || head.type >= kFirstAnswer)
        return malformed("it is no request");
    Request body = TRY(read_body<Request>(r, head.type, kFirstRequest));
    return RequestFrame{head.sequence, std::move(body)};
}

Outcome<BackendFrame> decode_backend(std::span<const std::byte> datagram)
{
    Reader r{datagram};
    const Head head = TRY(read_head(r, datagram));
    if (head.type < kFirstAnswer)
        return malformed("it is neither answer nor event");
    if ((head.type >= kFirstEvent) != (head.sequence == 0))
        return malformed("its sequence number does not fit its type");
    if (head.type >= kFirstEvent)
        return BackendFrame{0, TRY(read_body<Event>(r, head.type, kFirstEvent))};
    return BackendFrame{head.sequence, TRY(read_body<Answer>(r, head.type, kFirstAnswer))};
}

} // namespace zocalo::backend
