// SPDX-License-Identifier: Apache-2.0
#include "backends/net/rx_ring.hpp"

#include <algorithm>
#include <utility>

namespace zocalo::net {
namespace {

constexpr unsigned kLooks = 4;

} // namespace

bool RxRing::resume(const RingLog::Found& found)
{
    if (!ring_.resume(found.taken, found.answered))
        return false;
    for (const std::uint16_t id : found.ids)
        ring_.push(netif_rx_response{.id = id, .offset = 0, .flags = 0, .status = NETIF_RSP_ERROR});
    static_cast<void>(ring_.publish()); // the caller notifies in any case
    log_.answered(ring_.rsp_prod());
    return true;
}

bool RxRing::take(netif_rx_request& request)
{
    if (ring_.pop(request) != xen::BackRing::Pop::taken)
        return false;
    log_.note(ring_.req_cons() - 1, request.id);
    return true;
}

bool RxRing::publish()
{
    if (!std::exchange(answered_, false))
        return false;
    const bool notify = ring_.publish();
    log_.answered(ring_.rsp_prod());
    return notify;
}

bool RxRing::await(std::uint8_t waiter, std::uint16_t slots)
{
    wanted_[waiter] = slots;
    // Each turn sees a producer that moved; a guest that keeps moving it is tried again later.
    for (unsigned turn = 0; turn < kLooks; ++turn) {
        const std::uint32_t there = ring_.pending();
        if (!ring_.sane() || there >= slots)
            return true;
        // Who finds enough already was woken for it, and must not hide what the others wait for.
        std::uint16_t least = slots;
        for (const std::uint16_t wanted : wanted_)
            if (wanted > there)
                least = std::min(least, wanted);
        if (!ring_.rearm(least))
            return false;
    }
    return true;
}

} // namespace zocalo::net
