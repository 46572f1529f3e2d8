// SPDX-License-Identifier: Apache-2.0
// ControlQueue: the control ring of one card (xen/io/netif.h, "Control ring"): the guest's requests
// about hashing, each copied off the ring once, checked and answered. Keys and tables are fetched
// by grant copy into private memory and only then looked at. It knows no event loop and no event
// channel. Requests set and do not add, so a process that takes the place of one that died repeats
// what was not answered.
#pragma once

#include "backends/net/hash_log.hpp"
#include "common/xen-proto/back_ring.hpp"
#include "common/xen-sys/grant_table.hpp"

#include <xen/io/netif.h>

#include <cstdint>
#include <span>

namespace zocalo::net {

// DEFINE_RING_TYPES makes a slot as long as the longer of request and response.
inline constexpr std::size_t kControlSlot = sizeof(xen_netif_ctrl_request);
static_assert(kControlSlot == 16 && sizeof(xen_netif_ctrl_response) == 12);

class ControlQueue {
  public:
    // `settings` are the card's, obeyed by its queues from their next frame on.
    ControlQueue(
        xen::BackRing ring,
        DomId guest,
        xen::GrantTable& grants,
        HashSettings& settings,
        HashLog log = {}
    );
    // Before the first serve(): starts over at the first request without an answer.
    void resume();

    enum class After {
        idle,   // nothing left; the guest will send an event
        more,   // call again, after others had their turn
        broken, // the guest broke the protocol: never call again; fault() says how
    };
    struct Round {
        After after{After::idle};
        bool notify{};  // the guest asked for an event
        bool changed{}; // some setting was set
    };
    // A bounded number of requests. Everything taken is answered before it returns.
    Round serve();

    const char* fault() const { return fault_; }

  private:
    struct Answer {
        ControlStatus status{ControlStatus::not_supported};
        std::uint32_t data{};
        bool sets{};
    };
    Answer answer(const xen_netif_ctrl_request& request);
    ControlStatus set_key(GrantRef ref, std::uint32_t bytes);
    ControlStatus set_mapping(GrantRef ref, std::uint32_t entries, std::uint32_t first);
    bool fetch(GrantRef ref, std::span<std::byte> to);

    xen::BackRing ring_;
    DomId guest_;
    xen::GrantTable& grants_;
    HashSettings& settings_;
    HashLog log_;
    const char* fault_{""};
};

} // namespace zocalo::net
