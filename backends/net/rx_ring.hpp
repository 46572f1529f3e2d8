// SPDX-License-Identifier: Apache-2.0
// RxRing: the receive ring of one queue, as the shared memory of a card's queues: each puts frames
// on its own ring, or, when the guest steers by hashes, on those of the others. It takes requests,
// holds the order of responses, and knows which queues wait for room. It knows no frame.
#pragma once

#include "backends/net/ring_log.hpp"
#include "common/xen-proto/back_ring.hpp"

#include <xen/io/netif.h>

#include <array>
#include <cstdint>

namespace zocalo::net {

class RxRing {
  public:
    // `number`: of its queue, below NetJournal::kQueues.
    explicit RxRing(xen::BackRing ring, RingLog log = {}, std::uint8_t number = 0)
        : ring_{ring}, log_{log}, number_{number}
    {
    }
    // Before the first frame: as TxQueue::resume.
    bool resume(const RingLog::Found& found);

    std::uint8_t number() const { return number_; }
    // False: the producer is impossible, the ring is not to be used any more.
    bool sane() const { return ring_.sane(); }
    // Requests that can be taken.
    std::uint32_t pending() const { return ring_.pending(); }

    // False: there is none, though pending() said so.
    bool take(netif_rx_request& request);
    // All of a frame's requests were taken.
    void frame_taken() { log_.taken(ring_.req_cons()); }

    // In the order of the requests.
    void answer(const netif_rx_response& response) { put(response); }
    void answer(const netif_extra_info& extra) { put(extra); }
    // Shows the guest what was answered since; true when it asked for an event.
    [[nodiscard]] bool publish();

    // Queue `waiter` wants an event once `slots` requests are there; true when they are. The guest
    // is asked for the first that makes any waiter go on.
    [[nodiscard]] bool await(std::uint8_t waiter, std::uint16_t slots);
    void forget(std::uint8_t waiter) { wanted_[waiter] = 0; }
    bool awaited_by(std::uint8_t waiter) const { return wanted_[waiter] != 0; }

  private:
    template <class T> void put(const T& response)
    {
        ring_.push(response);
        answered_ = true;
    }

    xen::BackRing ring_;
    RingLog log_;
    std::uint8_t number_;
    bool answered_{};                                         // since publish()
    std::array<std::uint16_t, NetJournal::kQueues> wanted_{}; // 0: does not wait
};

} // namespace zocalo::net
