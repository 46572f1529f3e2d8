// SPDX-License-Identifier: Apache-2.0
// RxQueue: the host-to-guest half of one netif queue. It reads frames from the tap into private
// memory as long as the guest has posted room for them, copies a batch out by grants and answers in
// the slots the requests came in: of its own ring, or of the one that the guest's hash settings
// name. Driven by Vif; it knows no event loop and no event channel. A guest that posts no room
// costs one frame held here; the tap's own queue is bounded by the kernel.
#pragma once

#include "backends/net/arena.hpp"
#include "backends/net/multicast.hpp"
#include "backends/net/rx_ring.hpp"
#include "backends/net/steering.hpp"
#include "backends/net/tap.hpp"
#include "common/xen-sys/grant_table.hpp"

#include <xen/io/netif.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace zocalo::net {

struct RxStats {
    std::uint64_t packets{};    // handed to the guest
    std::uint64_t bytes{};      // of those
    std::uint64_t dropped{};    // the guest cannot take such a frame, or let it wait too long
    std::uint64_t bad_grants{}; // a grant copy failed
    std::uint64_t filtered{};   // multicast that the guest did not ask for
};

class RxQueue {
  public:
    // `ring` is the queue's own; `arena` is the process', used during serve() only; `multicast` and
    // `steering` are the card's. All outlive it.
    RxQueue(
        RxRing& ring,
        DomId guest,
        const GuestOffloads& offloads,
        xen::GrantTable& grants,
        Arena& arena,
        Tap& tap,
        const MulticastFilter* multicast = nullptr,
        const Steering* steering = nullptr
    );

    enum class After {
        idle,    // the tap is empty, or likely to be: call again when it is readable
        more,    // the batch was full: call again, after others had their turn
        waiting, // no room in the guest; it will send an event of the ring that awaited_by()
                 // this queue's number. Do not watch the tap meanwhile
        broken,  // the guest broke the protocol: never call again; fault() says how
        tap_lost,
    };
    struct Round {
        After after{After::idle};
        bool notify{};          // the guest asked for an event
        std::uint32_t others{}; // and for those of other rings: bits, by number
    };
    // One batch. Everything taken from a ring is answered before it returns.
    Round serve();

    // Bytes left free before the data of each page, from the next frame on: below a page.
    void set_headroom(std::uint16_t bytes) { offloads_.headroom = bytes; }

    // Throws away what waits for the guest, here and in the tap: old frames help nobody.
    void discard_waiting();

    const char* fault() const { return fault_; }
    const RxStats& stats() const { return stats_; }

  private:
    struct Frame {
        std::uint32_t at{};
        std::uint32_t length{};
        std::uint16_t first_slot{}; // in slots_
        std::uint16_t slots{};
        std::uint16_t extras{}; // of the slots: extra-info, behind the first
        std::uint16_t headroom{};
        RxRing* ring{};
        GuestFrame how;
        std::optional<FlowHash> hash;
    };
    struct Slot {
        std::uint16_t id{};
        std::uint16_t length{}; // 0: an extra-info slot
        std::uint16_t op{};     // in ops_
    };

    void start_batch();
    After gather();
    enum class Got { frame, dropped, empty, lost };
    Got read_frame(Frame& frame);
    void place(Frame& frame) const;
    void hold(const Frame& frame);
    void publish(Round& round);
    void wait(Round& round);
    bool fill(Frame& frame);
    void answer(const Frame& frame, bool copied);
    void answer_whole(const Frame& frame, std::span<const Slot> slots);
    void answer_extras(const Frame& frame);
    bool steers() const { return steering_ != nullptr && steering_->settings.hashes(); }

    RxRing& home_;
    DomId guest_;
    GuestOffloads offloads_;
    xen::GrantTable& grants_;
    Arena& arena_;
    Tap& tap_;
    const MulticastFilter* multicast_;
    const Steering* steering_;
    std::vector<Frame> batch_;
    std::vector<Slot> slots_;
    std::vector<xen::GrantCopy> ops_;
    std::size_t used_{};
    unsigned alone_{};          // batches to come of which one frame is believed to be all
    std::optional<Frame> held_; // read, but the guest has no room for it yet
    std::vector<std::uint8_t> held_bytes_;
    RxRing* waits_{}; // for room there
    RxStats stats_;
    const char* fault_{""};
};

} // namespace zocalo::net
