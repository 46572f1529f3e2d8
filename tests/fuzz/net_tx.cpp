// SPDX-License-Identifier: Apache-2.0
// The transmit path from ring slots to tap header: any sequence of slots and any page contents must
// end in bounded copies, one answer per slot, and a header whose offsets lie in the frame.
#include "backends/net/tx_packet.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

namespace {

using namespace zocalo::net;

void expect(bool holds)
{
    if (!holds)
        std::abort();
}

// What TxQueue relies on.
void check(const TxPacket& packet, std::size_t slots)
{
    expect(packet.id_count + packet.extra_count == slots);
    if (packet.drop != TxDrop::none)
        return;
    std::size_t sum = 0;
    for (const TxFragment& fragment : packet.data()) {
        expect(fragment.size != 0 && fragment.offset + fragment.size <= 4096);
        sum += fragment.size;
    }
    expect(sum == packet.length && packet.data().size() <= kMaxFragments);
}

void send(const TxPacket& packet, const std::uint8_t* data, std::size_t size)
{
    std::array<std::uint8_t, 65536> frame{};
    const std::size_t length = packet.length;
    std::memcpy(frame.data(), data, std::min(size, length));
    const auto out = to_tap(std::span{frame}.first(length), packet.checksum_blank, packet.gso);
    if (!out)
        return;
    expect(out->length <= length && out->header.hdr_len <= out->length);
    if (out->header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        expect(out->header.csum_start + out->header.csum_offset + 2u <= out->length);
    if (out->header.gso_type != VIRTIO_NET_HDR_GSO_NONE)
        expect(out->header.gso_size != 0 && out->header.hdr_len != 0);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    TxAssembler assembler;
    std::size_t slots = 0;
    while (size >= sizeof(netif_tx_request)) {
        netif_tx_request slot;
        std::memcpy(&slot, data, sizeof slot);
        data += sizeof slot;
        size -= sizeof slot;
        ++slots;
        const TxStep step = assembler.feed(slot);
        if (step == TxStep::fatal)
            return 0;
        expect((step == TxStep::complete) == assembler.idle());
        if (step != TxStep::complete)
            continue;
        check(assembler.packet(), slots);
        if (assembler.packet().drop == TxDrop::none)
            send(assembler.packet(), data, size);
        slots = 0;
    }
    return 0;
}
