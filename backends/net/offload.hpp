// SPDX-License-Identifier: Apache-2.0
// What a frame's sender left for the receiver to do (checksum, segmentation), in the two languages
// netback speaks: netif flags and extra-info slots on the guest's side (xen/io/netif.h),
// virtio_net_hdr on the tap's side (linux/virtio_net.h). Pure; used by TxQueue and RxQueue.
#pragma once

#include "backends/net/transport.hpp"
#include "backends/net/virtio_net.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace zocalo::net {

// The header that precedes each frame on the tap; TUNSETVNETHDRSZ is set to its size. The longer
// form, because vhost-net and mergeable buffers use no other.
using TapHeader = virtio_net_hdr_v1;
static_assert(sizeof(TapHeader) == 12);

// XEN_NETIF_EXTRA_TYPE_GSO, checked.
struct Gso {
    std::uint16_t size{}; // payload bytes of each segment
    bool v6{};            // XEN_NETIF_GSO_TYPE_TCPV6, else TCPV4
    friend bool operator==(const Gso&, const Gso&) = default;
};

// What the guest's frontend said it can take (its xenstore feature keys).
struct GuestOffloads {
    bool scatter_gather{};  // feature-sg: a frame may use several slots
    bool checksum_v4{true}; // not feature-no-csum-offload
    bool checksum_v6{};     // feature-ipv6-csum-offload
    bool gso_v4{};          // feature-gso-tcpv4
    bool gso_v6{};          // feature-gso-tcpv6
    // Bytes left free in each page before the data (xdp-headroom). Its XDP programs see frames of
    // one page only, so nothing is left to segment.
    std::uint16_t headroom{};
    friend bool operator==(const GuestOffloads&, const GuestOffloads&) = default;
};

// The TUN_F_* set to ask the tap for, so that it never hands over what the guest cannot take.
unsigned tap_offloads(const GuestOffloads& guest);

// Guest to host. `frame` is the private copy; the pseudo header's sum may be written into it.
struct TapFrame {
    TapHeader header{};
    std::size_t length{}; // bytes of the frame to send: padding behind an offloaded packet is cut
};
// Nothing when the guest asks for an offload its frame does not allow: the frame is to be dropped.
std::optional<TapFrame>
to_tap(std::span<std::uint8_t> frame, bool checksum_blank, std::optional<Gso> gso);

// The same frame with its checksum written, for a host that shall get it whole. Nothing when it is
// to be segmented, too.
std::optional<TapFrame> finished(TapFrame out, std::span<std::uint8_t> frame);

// Host to guest: the NETRXF_* flags of the first response, and the extra-info slot if one is
// needed.
struct GuestFrame {
    std::uint16_t flags{};
    std::optional<Gso> gso;
};
// `frame` is what followed `header`; its checksum is finished in place for a guest that cannot.
// Nothing when the guest cannot take the frame at all.
std::optional<GuestFrame>
to_guest(const TapHeader& header, std::span<std::uint8_t> frame, const GuestOffloads& guest);

} // namespace zocalo::net
