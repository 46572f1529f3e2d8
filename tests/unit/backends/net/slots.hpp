// SPDX-License-Identifier: Apache-2.0
// Transmit slots as a frontend writes them, for the tests of netback.
#pragma once

#include <xen/io/netif.h>

#include <cstdint>
#include <cstring>

namespace zocalo::net::test {

inline netif_tx_request tx_slot(
    unsigned size, unsigned flags = 0, unsigned offset = 0, unsigned id = 7, unsigned gref = 1000
)
{
    return {
        .gref = gref,
        .offset = static_cast<std::uint16_t>(offset),
        .flags = static_cast<std::uint16_t>(flags),
        .id = static_cast<std::uint16_t>(id),
        .size = static_cast<std::uint16_t>(size)};
}

inline netif_tx_request
tx_extra(unsigned type, unsigned flags = 0, unsigned size = 0, unsigned gso_type = 0)
{
    netif_extra_info info{};
    info.type = static_cast<std::uint8_t>(type);
    info.flags = static_cast<std::uint8_t>(flags);
    if (type == XEN_NETIF_EXTRA_TYPE_GSO) {
        info.u.gso.size = static_cast<std::uint16_t>(size);
        info.u.gso.type = static_cast<std::uint8_t>(gso_type);
    }
    netif_tx_request out{};
    std::memcpy(&out, &info, sizeof info);
    return out;
}

} // namespace zocalo::net::test
