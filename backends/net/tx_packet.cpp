// SPDX-License-Identifier: Apache-2.0
#include "backends/net/tx_packet.hpp"

#include <algorithm>
#include <cstring>

namespace zocalo::net {

TxStep TxAssembler::feed(const netif_tx_request& slot)
{
    switch (expect_) {
    case Expect::first:
        return feed_first(slot);
    case Expect::extra:
        return feed_extra(slot);
    case Expect::further:
        return feed_further(slot);
    }
    return fail("internal: unknown state");
}

TxStep TxAssembler::feed_first(const netif_tx_request& slot)
{
    packet_ = TxPacket{};
    packet_.ids[packet_.id_count++] = slot.id;
    // `size` is the whole frame's; finish() takes the further slots' shares off it.
    packet_.fragments[packet_.fragment_count++] = {slot.gref, slot.offset, slot.size};
    packet_.length = slot.size;
    packet_.checksum_blank = (slot.flags & NETTXF_csum_blank) != 0;
    more_data_ = (slot.flags & NETTXF_more_data) != 0;
    if (slot.flags & NETTXF_extra_info) {
        expect_ = Expect::extra;
        return TxStep::more;
    }
    return after_extras();
}

TxStep TxAssembler::feed_extra(const netif_tx_request& slot)
{
    if (packet_.extra_count == kMaxExtraSlots)
        return fail("too many extra-info slots in one packet");
    ++packet_.extra_count;
    netif_extra_info extra;
    static_assert(sizeof extra <= sizeof slot);
    std::memcpy(&extra, &slot, sizeof extra);

    switch (extra.type) {
    case XEN_NETIF_EXTRA_TYPE_GSO:
        if (extra.u.gso.size == 0)
            return fail("GSO segment size is zero");
        if (extra.u.gso.type != XEN_NETIF_GSO_TYPE_TCPV4 &&
            extra.u.gso.type != XEN_NETIF_GSO_TYPE_TCPV6)
            return fail("unknown GSO type");
        packet_.gso = Gso{extra.u.gso.size, extra.u.gso.type == XEN_NETIF_GSO_TYPE_TCPV6};
        break;
    case XEN_NETIF_EXTRA_TYPE_MCAST_ADD:
    case XEN_NETIF_EXTRA_TYPE_MCAST_DEL:
        drop(TxDrop::multicast);
        packet_.multicast.emplace().add = extra.type == XEN_NETIF_EXTRA_TYPE_MCAST_ADD;
        std::copy_n(extra.u.mcast.addr, 6, packet_.multicast->address.begin());
        break;
    case XEN_NETIF_EXTRA_TYPE_HASH:
        break; // a hint for receivers that hash; a tap has no use for it
    default:
        return fail("unknown extra-info type");
    }
    if (extra.flags & XEN_NETIF_EXTRA_FLAG_MORE)
        return TxStep::more;
    return after_extras();
}

TxStep TxAssembler::after_extras()
{
    if (!more_data_)
        return finish();
    expect_ = Expect::further;
    return TxStep::more;
}

TxStep TxAssembler::feed_further(const netif_tx_request& slot)
{
    const unsigned index = packet_.id_count - 1u;
    if (index >= kFatalFurtherSlots)
        return fail("packet uses too many slots");
    packet_.ids[packet_.id_count++] = slot.id;
    if (index >= kMaxFurtherSlots)
        drop(TxDrop::too_many_slots);
    if (unsigned{slot.offset} + slot.size > kPageSize)
        return fail("fragment crosses its page");
    TxFragment& first = packet_.fragments[0];
    if (slot.size > first.size)
        drop(TxDrop::oversize);
    if (packet_.drop == TxDrop::none) {
        first.size = static_cast<std::uint16_t>(first.size - slot.size);
        if (slot.size != 0) // an empty fragment takes its slot but never reaches the copy list
            packet_.fragments[packet_.fragment_count++] = {slot.gref, slot.offset, slot.size};
    }
    return slot.flags & NETTXF_more_data ? TxStep::more : finish();
}

TxStep TxAssembler::finish()
{
    expect_ = Expect::first;
    if (packet_.drop != TxDrop::none)
        return TxStep::complete;
    TxFragment& first = packet_.fragments[0];
    if (unsigned{first.offset} + first.size > kPageSize)
        return fail("first fragment crosses its page");
    if (packet_.length < kEthernetHeader)
        drop(TxDrop::too_short);
    if (first.size == 0) {
        std::copy(
            packet_.fragments.begin() + 1,
            packet_.fragments.begin() + packet_.fragment_count,
            packet_.fragments.begin()
        );
        --packet_.fragment_count;
    }
    return TxStep::complete;
}

TxStep TxAssembler::fail(const char* why)
{
    fault_ = why;
    return TxStep::fatal;
}

void TxAssembler::drop(TxDrop why)
{
    if (packet_.drop == TxDrop::none)
        packet_.drop = why;
}

} // namespace zocalo::net
