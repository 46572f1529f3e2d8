// SPDX-License-Identifier: Apache-2.0
// TxAssembler: netif transmit slots, one private copy at a time, into a checked TxPacket. It is the
// wall against a hostile guest in the transmit direction: everything behind it may trust counts,
// sizes and offsets. Pure; it knows neither the ring the slots came from nor how the data is
// fetched.
#pragma once

#include "backends/net/multicast.hpp"
#include "backends/net/offload.hpp"

#include <xen/io/netif.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace zocalo::net {

// Limits, counted as Linux's netback counts them: slots after the first one. XEN_NETIF_NR_SLOTS_MIN
// is what every backend must accept; a little above it is an odd guest and costs it the packet;
// more is an attack and costs it the interface.
constexpr unsigned kMaxFurtherSlots = XEN_NETIF_NR_SLOTS_MIN;
constexpr unsigned kFatalFurtherSlots = 20;
constexpr unsigned kMaxFragments = 1 + kMaxFurtherSlots;
constexpr unsigned kMaxDataSlots = 1 + kFatalFurtherSlots;
// Each extra-info type once is all the protocol has a use for.
constexpr unsigned kMaxExtraSlots = XEN_NETIF_EXTRA_TYPE_MAX - 1;
constexpr unsigned kPageSize = 4096; // the grant's page, not the host's

struct TxFragment {
    std::uint32_t gref{};
    std::uint16_t offset{};
    std::uint16_t size{}; // never 0; offset + size never beyond the page
};

enum class TxDrop : std::uint8_t {
    none,
    too_many_slots, // 18 or 19 after the first
    oversize,       // 64 KiB or more: the first slot's 16-bit total overflowed
    too_short,      // less than an Ethernet header
    multicast,      // a multicast-control message: no frame, see TxPacket::multicast
};

struct TxPacket {
    std::span<const TxFragment> data() const { return {fragments.data(), fragment_count}; }
    std::span<const std::uint16_t> answers() const { return {ids.data(), id_count}; }

    std::array<TxFragment, kMaxFragments> fragments{};
    std::array<std::uint16_t, kMaxDataSlots> ids{}; // one response each, dropped or not
    std::uint8_t fragment_count{};
    std::uint8_t id_count{};
    std::uint8_t extra_count{}; // one NETIF_RSP_NULL each
    TxDrop drop{TxDrop::none};
    bool checksum_blank{};  // NETTXF_csum_blank
    std::uint16_t length{}; // sum of the fragments
    std::optional<Gso> gso;
    std::optional<MulticastChange> multicast; // the last one, if there are several
};

enum class TxStep : std::uint8_t { more, complete, fatal };

class TxAssembler {
  public:
    // Takes the next slot of the ring. `more` until the packet is whole; after `complete` the
    // packet is valid until the next feed(). After `fatal` the interface must stop; fault() says
    // why.
    TxStep feed(const netif_tx_request& slot);

    // False inside a packet: a guest publishes packets whole, so running dry there is its fault.
    bool idle() const { return expect_ == Expect::first; }
    // The next slot is no request but tells more of the one before.
    bool wants_extra() const { return expect_ == Expect::extra; }
    const TxPacket& packet() const { return packet_; }
    const char* fault() const { return fault_; }

  private:
    enum class Expect : std::uint8_t { first, extra, further };

    TxStep feed_first(const netif_tx_request& slot);
    TxStep feed_extra(const netif_tx_request& slot);
    TxStep feed_further(const netif_tx_request& slot);
    TxStep after_extras();
    TxStep finish();
    TxStep fail(const char* why);
    void drop(TxDrop why);

    TxPacket packet_;
    const char* fault_{""};
    Expect expect_{Expect::first};
    bool more_data_{};
};

} // namespace zocalo::net
