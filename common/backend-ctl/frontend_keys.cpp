// SPDX-License-Identifier: Apache-2.0
#include "common/backend-ctl/frontend_keys.hpp"

#include <charconv>
#include <limits>

namespace zocalo::backend {
namespace {

Error bad_key(std::string_view key, std::string_view why)
{
    return Error{
        Code::failed,
        "frontend key `" + std::string{key} + "` " + std::string{why},
        "the guest's driver wrote it; the device works once the guest closes and opens it again"};
}

// Decimal, nothing before or after; absent when the key is not there.
Outcome<std::optional<std::uint32_t>>
number(const FrontendLookup& lookup, const std::string& key, std::uint32_t most)
{
    const std::optional<std::string> text = lookup(key);
    if (!text)
        return std::optional<std::uint32_t>{};
    std::uint32_t value = 0;
    const char* end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, value);
    if (text->empty() || error != std::errc{} || stop != end)
        return bad_key(key, "is not a number");
    if (value > most)
        return bad_key(key, "is beyond " + std::to_string(most));
    return std::optional{value};
}

constexpr std::uint32_t kAnyRef = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint32_t kMaxPort = (1u << 17) - 1; // EVTCHN_FIFO_NR_CHANNELS

Outcome<std::uint32_t>
required(const FrontendLookup& lookup, const std::string& key, std::uint32_t most)
{
    const auto value = TRY(number(lookup, key, most));
    if (!value)
        return bad_key(key, "is missing");
    return *value;
}

Outcome<bool> flag(const FrontendLookup& lookup, const std::string& key)
{
    return TRY(number(lookup, key, kAnyRef)).value_or(0) != 0;
}

Outcome<Unit>
feature(const FrontendLookup& lookup, const std::string& key, Feature bit, std::uint32_t& features)
{
    if (TRY(flag(lookup, key)))
        features |= static_cast<std::uint32_t>(bit);
    return Unit{};
}

// 0 when the frontend does not speak of queues: its keys then lie in the directory itself.
Outcome<std::uint32_t> queue_count(const FrontendLookup& lookup)
{
    const auto count = TRY(number(lookup, "multi-queue-num-queues", kMaxQueues));
    if (count && *count == 0)
        return bad_key("multi-queue-num-queues", "is zero");
    return count.value_or(0);
}

std::string queue_prefix(std::uint32_t queues, std::uint32_t index)
{
    // With one queue both places are in use: Linux writes the flat keys even when it names a count.
    return queues <= 1 ? std::string{} : "queue-" + std::to_string(index) + "/";
}

Outcome<std::uint32_t> ring_pages(const FrontendLookup& lookup)
{
    if (const auto order = TRY(number(lookup, "ring-page-order", 4)))
        return 1u << *order;
    // Old multi-page frontends count pages instead.
    const auto pages = TRY(number(lookup, "num-ring-pages", kMaxRefsPerQueue));
    if (pages && (*pages == 0 || (*pages & (*pages - 1)) != 0))
        return bad_key("num-ring-pages", "is not a power of two");
    return pages.value_or(0);
}

Outcome<Queue>
blk_queue(const FrontendLookup& lookup, const std::string& prefix, std::uint32_t pages)
{
    Queue queue;
    if (pages <= 1 && lookup(prefix + "ring-ref")) {
        queue.refs.push_back({TRY(required(lookup, prefix + "ring-ref", kAnyRef))});
    } else {
        for (std::uint32_t i = 0; i < (pages == 0 ? 1 : pages); ++i)
            queue.refs.push_back(
                {TRY(required(lookup, prefix + "ring-ref" + std::to_string(i), kAnyRef))}
            );
    }
    queue.ports.push_back({TRY(required(lookup, prefix + "event-channel", kMaxPort))});
    return queue;
}

Outcome<Queue> net_queue(const FrontendLookup& lookup, const std::string& prefix)
{
    Queue queue;
    queue.refs.push_back({TRY(required(lookup, prefix + "tx-ring-ref", kAnyRef))});
    queue.refs.push_back({TRY(required(lookup, prefix + "rx-ring-ref", kAnyRef))});
    if (const auto tx = TRY(number(lookup, prefix + "event-channel-tx", kMaxPort))) {
        queue.ports.push_back({*tx});
        queue.ports.push_back({TRY(required(lookup, prefix + "event-channel-rx", kMaxPort))});
    } else {
        queue.ports.push_back({TRY(required(lookup, prefix + "event-channel", kMaxPort))});
    }
    return queue;
}

// Both keys or neither: half a ring is a mistake of the driver.
Outcome<std::optional<ControlRing>> control_ring(const FrontendLookup& lookup)
{
    const auto ref = TRY(number(lookup, "ctrl-ring-ref", kAnyRef));
    const auto port = TRY(number(lookup, "event-channel-ctrl", kMaxPort));
    if (!ref && !port)
        return std::optional<ControlRing>{};
    if (!ref || !port)
        return bad_key(ref ? "event-channel-ctrl" : "ctrl-ring-ref", "is missing");
    return std::optional{ControlRing{{*ref}, {*port}}};
}

// XEN_IO_PROTO_ABI_* (xen/io/protocols.h). A frontend that says nothing has the layout of our own
// machine.
Outcome<RingAbi> ring_abi(const FrontendLookup& lookup)
{
    const std::optional<std::string> protocol = lookup("protocol");
    if (!protocol || protocol->empty())
        return RingAbi::native;
    if (*protocol == "x86_64-abi")
        return RingAbi::x86_64;
    if (*protocol == "x86_32-abi")
        return RingAbi::x86_32;
    return bad_key("protocol", "names a ring layout this machine does not have");
}

} // namespace

Outcome<Connect> read_blk_frontend(DeviceId device, DomId frontend, const FrontendLookup& lookup)
{
    Connect connect{.device = device, .frontend = frontend, .queues = {}};
    connect.abi = TRY(ring_abi(lookup));
    TRY(feature(lookup, "feature-persistent", Feature::persistent, connect.features));
    const std::uint32_t queues = TRY(queue_count(lookup));
    const std::uint32_t pages = TRY(ring_pages(lookup));
    for (std::uint32_t i = 0; i < (queues == 0 ? 1 : queues); ++i)
        connect.queues.push_back(TRY(blk_queue(lookup, queue_prefix(queues, i), pages)));
    return connect;
}

Outcome<Connect> read_net_frontend(DeviceId device, DomId frontend, const FrontendLookup& lookup)
{
    Connect connect{.device = device, .frontend = frontend, .queues = {}};
    struct Row {
        const char* key;
        Feature bit;
    };
    constexpr std::array kRows{
        Row{"feature-sg", Feature::scatter_gather},
        Row{"feature-gso-tcpv4", Feature::gso_tcpv4},
        Row{"feature-gso-tcpv6", Feature::gso_tcpv6},
        Row{"feature-no-csum-offload", Feature::no_csum_offload},
        Row{"feature-ipv6-csum-offload", Feature::ipv6_csum_offload},
        Row{"feature-rx-notify", Feature::rx_notify},
        Row{"request-rx-copy", Feature::rx_copy},
        Row{"request-multicast-control", Feature::multicast_control},
    };
    for (const Row& row : kRows)
        TRY(feature(lookup, row.key, row.bit, connect.features));
    connect.headroom = TRY(read_headroom(lookup));
    const std::uint32_t queues = TRY(queue_count(lookup));
    for (std::uint32_t i = 0; i < (queues == 0 ? 1 : queues); ++i)
        connect.queues.push_back(TRY(net_queue(lookup, queue_prefix(queues, i))));
    connect.control = TRY(control_ring(lookup));
    return connect;
}

Outcome<std::uint16_t> read_headroom(const FrontendLookup& lookup)
{
    const auto bytes = TRY(number(lookup, "xdp-headroom", kMaxHeadroom));
    return static_cast<std::uint16_t>(bytes.value_or(0));
}

} // namespace zocalo::backend
