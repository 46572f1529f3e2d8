// SPDX-License-Identifier: Apache-2.0
// QueuePump: one connected queue pair at work: event channels, the tap's readiness and a timer
// drive TxQueue and RxQueue in turns short enough to be fair to the other cards of the process. It
// ends with the object: nothing is called, mapped or bound afterwards.
#pragma once

#include "backends/common/token_bucket.hpp"
#include "backends/net/rx_queue.hpp"
#include "backends/net/surroundings.hpp"
#include "backends/net/tx_queue.hpp"
#include "common/backend-ctl/messages.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace zocalo::net {

class QueuePump {
  public:
    struct Frontend {
        DomId domain{};
        GuestOffloads offloads;
        bool rx_notify{true}; // feature-rx-notify: it sends an event when it posts receive buffers
        bool finish_checksums{};      // of what it sends: nothing unfinished goes on to the host
        MulticastFilter* multicast{}; // of the whole card; outlives the pump
    };
    struct State;
    // What the queues of a card share; it outlives them.
    struct Card {
        backend::RateLimit tx, rx;  // of the whole card, either way
        Steering* steering{};       // none without a control ring
        std::vector<State*> queues; // by number
    };
    // What outlives this process, and whether to go on where the one before stopped.
    struct Logs {
        RingLog tx, rx;
        bool resume{};
    };
    // Called at most once, from the event loop: the guest broke the protocol, or the tap is gone.
    // The queue is not served any more, but stays mapped until the object goes.
    using Broken = std::function<void(const std::string& reason)>;

    // Maps both rings and binds the event channels of `queue` (refs {tx, rx}, ports {both} or
    // {tx, rx}), the next of `card`. On an error nothing of it remains. Nothing is served before
    // start(), which comes when all queues of the card are there.
    static Outcome<std::unique_ptr<QueuePump>> connect(
        const Surroundings& around,
        Tap& tap,
        const Frontend& frontend,
        const backend::Queue& queue,
        const Logs& logs,
        Card& card,
        Broken broken
    );
    void start();
    ~QueuePump();
    QueuePump(const QueuePump&) = delete;
    QueuePump& operator=(const QueuePump&) = delete;

    void set_headroom(std::uint16_t bytes);
    // The steering may have changed: a frame that waits may go elsewhere.
    void steer_again();
    const TxStats& tx_stats() const;
    const RxStats& rx_stats() const;
    bool stalled() const;

  private:
    explicit QueuePump(std::shared_ptr<State> state) : state_{std::move(state)} {}
    std::shared_ptr<State> state_;
};

} // namespace zocalo::net
