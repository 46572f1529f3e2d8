// SPDX-License-Identifier: Apache-2.0
// TxQueue: the guest-to-host half of one netif queue. It takes packets off the ring, fetches their
// data by one batch of grant copies into private memory, and writes each to the tap. Driven by Vif;
// it knows no event loop and no event channel. All memory is allocated at construction.
#pragma once

#include "backends/net/arena.hpp"
#include "backends/net/ring_log.hpp"
#include "backends/net/tap.hpp"
#include "backends/net/tx_packet.hpp"
#include "common/xen-proto/back_ring.hpp"
#include "common/xen-sys/grant_table.hpp"

#include <cstdint>
#include <vector>

namespace zocalo::net {

struct TxStats {
    std::uint64_t packets{};     // written to the tap
    std::uint64_t bytes{};       // of those
    std::uint64_t dropped{};     // refused by the slot rules
    std::uint64_t bad_grants{};  // a grant copy failed
    std::uint64_t bad_offload{}; // asked for an offload its headers do not allow
    std::uint64_t tap_refused{}; // the kernel did not take it
};

class TxQueue {
  public:
    // `ring` lies over the mapped tx page; grants are those of `guest`. `arena` is the process',
    // used during serve() only; `multicast` is the card's.
    TxQueue(
        xen::BackRing ring,
        DomId guest,
        xen::GrantTable& grants,
        Arena& arena,
        Tap& tap,
        RingLog log = {},
        MulticastFilter* multicast = nullptr
    );
    // Whether frames leave with finished checksums though the guest left them to others.
    void finish_checksums(bool all) { finish_checksums_ = all; }
    // Before the first serve(): takes over from a process that died. What it had under way is
    // answered as failed; false when that does not fit the ring.
    bool resume(const RingLog::Found& found);

    enum class After {
        idle,   // nothing left: rearm() before waiting for the guest
        more,   // the batch was full: call again, after others had their turn
        broken, // the guest broke the protocol: never call again; fault() says how
    };
    struct Round {
        After after{After::idle};
        bool notify{}; // the guest asked for an event
    };
    // One batch. Everything taken is answered before it returns.
    Round serve();
    // Whether the guest has put something on the ring.
    bool pending() const { return ring_.pending() != 0; }
    // Asks for an event with the next packet; true when one has come already: serve() again.
    bool rearm() { return ring_.rearm(); }

    const char* fault() const { return fault_; }
    const TxStats& stats() const { return stats_; }

  private:
    struct Pending {
        TxPacket packet;
        std::uint32_t at{};       // of the header's room in the arena; the frame follows
        std::uint16_t first_op{}; // in ops_
        std::int16_t status{};    // of its answer
        bool written{};           // its frame is the next of writes_
    };

    After gather();
    bool room_for_one() const;
    void take(const TxPacket& packet);
    bool fetch();
    void deliver(bool fetched);
    std::int16_t prepare(Pending& pending, bool fetched);
    bool copied(const Pending& pending) const;
    std::int16_t refused(const TxPacket& packet);
    void answer(const TxPacket& packet, std::int16_t status);

    xen::BackRing ring_;
    DomId guest_;
    xen::GrantTable& grants_;
    Arena& arena_;
    Tap& tap_;
    RingLog log_;
    MulticastFilter* multicast_;
    bool finish_checksums_{};
    TxAssembler assembler_;
    std::vector<Pending> batch_;
    std::vector<xen::GrantCopy> ops_;
    std::vector<TapWrite> writes_;
    std::size_t used_{};
    TxStats stats_;
    const char* fault_{""};
};

} // namespace zocalo::net
