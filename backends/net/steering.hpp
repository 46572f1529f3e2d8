// SPDX-License-Identifier: Apache-2.0
// Steering: on which of a card's receive rings a frame goes when its guest asked for hashes. One
// for all queues of a card; there is none without a control ring.
#pragma once

#include "backends/net/hash_settings.hpp"
#include "backends/net/rx_ring.hpp"

#include <span>
#include <vector>

namespace zocalo::net {

class Steering {
  public:
    // Of the card's queues in their order, before the first frame.
    void add(RxRing& ring) { rings_.push_back(&ring); }
    void remove(const RxRing& ring) { std::erase(rings_, &ring); }
    std::span<RxRing* const> rings() const { return rings_; }

    RxRing& ring_of(const FlowHash& hash, RxRing& otherwise) const
    {
        const std::uint32_t queue = settings.queue_of(hash);
        return queue < rings_.size() ? *rings_[queue] : otherwise;
    }

    HashSettings settings; // what the control ring changes

  private:
    std::vector<RxRing*> rings_;
};

} // namespace zocalo::net
