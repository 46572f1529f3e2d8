// SPDX-License-Identifier: Apache-2.0
#include "backends/net/offload.hpp"

#include <xen/io/netif.h>

#include <linux/if_tun.h>

namespace zocalo::net {

unsigned tap_offloads(const GuestOffloads& guest)
{
    // The kernel offers one switch for both IP versions; to_guest() finishes what the guest lacks.
    // Segmentation needs checksums (TUN_F_TSO* is refused without TUN_F_CSUM) and several slots.
    unsigned offloads = 0;
    if (guest.checksum_v4 || guest.checksum_v6)
        offloads |= TUN_F_CSUM;
    if (guest.headroom != 0)
        return offloads;
    if (guest.scatter_gather && guest.checksum_v4 && guest.gso_v4)
        offloads |= TUN_F_TSO4;
    if (guest.scatter_gather && guest.checksum_v6 && guest.gso_v6)
        offloads |= TUN_F_TSO6;
    return offloads;
}

std::optional<TapFrame>
to_tap(std::span<std::uint8_t> frame, bool checksum_blank, std::optional<Gso> gso)
{
    TapFrame out{.length = frame.size()};
    if (!checksum_blank && !gso)
        return out;
    const auto transport = find_transport(frame);
    if (!transport)
        return std::nullopt;
    store_pseudo_sum(frame, *transport); // guests differ in what they leave in the field
    out.length = transport->end;
    out.header.flags =
        VIRTIO_NET_HDR_F_NEEDS_CSUM; // GSO implies it, whatever the guest's flag says
    out.header.csum_start = transport->start;
    out.header.csum_offset = transport->checksum;
    if (!gso)
        return out;
    if (!transport->tcp || transport->v6 != gso->v6)
        return std::nullopt;
    if (out.length - transport->payload <= gso->size)
        return out; // one segment: the kernel would reject it as GSO
    out.header.gso_type = gso->v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
    out.header.gso_size = gso->size;
    out.header.hdr_len = transport->payload;
    return out;
}

std::optional<TapFrame> finished(TapFrame out, std::span<std::uint8_t> frame)
{
    if (out.header.gso_type != VIRTIO_NET_HDR_GSO_NONE)
        return std::nullopt;
    if ((out.header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == 0)
        return out;
    if (!finish_checksum(frame.first(out.length), out.header.csum_start, out.header.csum_offset))
        return std::nullopt;
    out.header = {};
    return out;
}

std::optional<GuestFrame>
to_guest(const TapHeader& header, std::span<std::uint8_t> frame, const GuestOffloads& guest)
{
    GuestFrame out;
    const unsigned gso = header.gso_type & ~unsigned{VIRTIO_NET_HDR_GSO_ECN};
    if (gso == VIRTIO_NET_HDR_GSO_TCPV4 && guest.gso_v4)
        out.gso = Gso{header.gso_size, false};
    else if (gso == VIRTIO_NET_HDR_GSO_TCPV6 && guest.gso_v6)
        out.gso = Gso{header.gso_size, true};
    else if (gso != VIRTIO_NET_HDR_GSO_NONE)
        return std::nullopt;

    if (header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
        const auto transport = find_transport(frame);
        const bool can = transport && (transport->v6 ? guest.checksum_v6 : guest.checksum_v4);
        if (can || out.gso)
            out.flags = NETRXF_csum_blank | NETRXF_data_validated;
        else if (finish_checksum(frame, header.csum_start, header.csum_offset))
            out.flags = NETRXF_data_validated;
        else
            return std::nullopt;
    } else if (header.flags & VIRTIO_NET_HDR_F_DATA_VALID) {
        out.flags = NETRXF_data_validated;
    }
    return out;
}

} // namespace zocalo::net
