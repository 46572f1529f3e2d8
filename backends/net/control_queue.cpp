// SPDX-License-Identifier: Apache-2.0
#include "backends/net/control_queue.hpp"

#include <array>

namespace zocalo::net {
namespace {

// What sets up a card takes six; each may cost a grant copy.
constexpr unsigned kRequestsPerTurn = 16;

} // namespace

ControlQueue::ControlQueue(
    xen::BackRing ring, DomId guest, xen::GrantTable& grants, HashSettings& settings, HashLog log
)
    : ring_{ring}, guest_{guest}, grants_{grants}, settings_{settings}, log_{log}
{
}

void ControlQueue::resume()
{
    // Whatever the guest wrote there, it can only make us repeat what it asks.
    const std::uint32_t shown = ring_.shown();
    static_cast<void>(ring_.resume(shown, shown));
}

ControlQueue::Round ControlQueue::serve()
{
    Round round{.after = After::more};
    bool answered = false;
    for (unsigned i = 0; i < kRequestsPerTurn && round.after == After::more; ++i) {
        xen_netif_ctrl_request request;
        switch (ring_.pop(request)) {
        case xen::BackRing::Pop::taken:
            break;
        case xen::BackRing::Pop::empty:
            round.after = After::idle;
            continue;
        case xen::BackRing::Pop::broken:
            fault_ = "the control ring's producer index is impossible";
            return {.after = After::broken};
        }
        const Answer out = answer(request);
        if (out.sets && out.status == ControlStatus::success) {
            log_.keep(settings_.kept()); // before the guest can see that it was done
            round.changed = true;
        }
        ring_.push(xen_netif_ctrl_response{
            .id = request.id,
            .type = request.type,
            .status = static_cast<std::uint32_t>(out.status),
            .data = out.data});
        answered = true;
    }
    if (answered)
        round.notify = ring_.publish();
    if (round.after == After::idle && ring_.rearm())
        round.after = After::more;
    return round;
}

ControlQueue::Answer ControlQueue::answer(const xen_netif_ctrl_request& request)
{
    const auto& data = request.data;
    Answer out{.sets = true};
    switch (request.type) {
    case XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM:
        out.status = settings_.set_algorithm(data[0]);
        return out;
    case XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS:
        out.status = settings_.set_types(data[0]);
        return out;
    case XEN_NETIF_CTRL_TYPE_SET_HASH_KEY:
        out.status = set_key(GrantRef{data[0]}, data[1]);
        return out;
    case XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE:
        out.status = settings_.set_entries(data[0]);
        return out;
    case XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING:
        out.status = set_mapping(GrantRef{data[0]}, data[1], data[2]);
        return out;
    case XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS:
        out.sets = false;
        out.status = settings_.get_types(out.data);
        return out;
    case XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE:
        return {ControlStatus::success, HashSettings::kMostEntries, false};
    default: // static grants, and what is not defined
        return {};
    }
}

ControlStatus ControlQueue::set_key(GrantRef ref, std::uint32_t bytes)
{
    if (const auto allowed = HashSettings::allows_key(bytes); allowed != ControlStatus::success)
        return allowed;
    HashKey key{};
    const auto part = std::span{key}.first(bytes);
    if (!fetch(ref, std::as_writable_bytes(part)))
        return ControlStatus::invalid_parameter;
    return settings_.set_key(part);
}

ControlStatus ControlQueue::set_mapping(GrantRef ref, std::uint32_t entries, std::uint32_t first)
{
    const auto allowed = settings_.allows_mapping(first, entries);
    if (allowed != ControlStatus::success)
        return allowed;
    std::array<std::uint32_t, HashSettings::kMostEntries> queues{};
    const auto part = std::span{queues}.first(entries);
    if (!fetch(ref, std::as_writable_bytes(part)))
        return ControlStatus::invalid_parameter;
    return settings_.set_mapping(first, part);
}

// From the beginning of the page; nothing is not fetched.
bool ControlQueue::fetch(GrantRef ref, std::span<std::byte> to)
{
    if (to.empty())
        return true;
    auto copy = xen::GrantCopy::from_guest(guest_, ref, 0, to);
    return grants_.copy({&copy, 1}).has_value() && copy.done();
}

} // namespace zocalo::net
