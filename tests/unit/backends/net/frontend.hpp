// SPDX-License-Identifier: Apache-2.0
// The guest's side of a netif queue pair in plain memory, for the tests of netback: honest by
// default; what it writes into the shared pages is the test's choice.
#pragma once

#include "backends/net/tap.hpp"
#include "common/xen-sys/fake/fake_grant_table.hpp"
#include "tests/unit/backends/net/slots.hpp"
#include "tests/unit/common/xen-proto/front_ring.hpp"

#include <xen/io/netif.h>

#include <cstring>
#include <span>
#include <string_view>
#include <sys/socket.h>
#include <vector>

namespace zocalo::net::test {

inline constexpr DomId kGuest{5};
inline constexpr std::uint32_t kTxRef = 8;
inline constexpr std::uint32_t kRxRef = 9;
inline constexpr std::uint32_t kControlRef = 10;

// One of the two rings; answers come in bulk, as the tests look at them.
template <class Request, class Response, std::size_t slot_bytes>
class NetFront : public xen::test::FrontRing {
  public:
    NetFront() : FrontRing{slot_bytes} {}
    void put(const Request& request) { push(request); }
    std::vector<Response> take()
    {
        std::vector<Response> out;
        while (const auto response = FrontRing::take<Response>())
            out.push_back(*response);
        want_event();
        return out;
    }
};
using TxFront = NetFront<netif_tx_request, netif_tx_response, sizeof(netif_tx_sring_entry)>;
using RxFront = NetFront<netif_rx_request, netif_rx_response, sizeof(netif_rx_sring_entry)>;
using ControlFront =
    NetFront<xen_netif_ctrl_request, xen_netif_ctrl_response, sizeof(xen_netif_ctrl_sring_entry)>;

// A request of the control ring; ids are the test's choice.
inline xen_netif_ctrl_request control_request(
    unsigned type, std::uint32_t first = 0, std::uint32_t second = 0, std::uint32_t third = 0
)
{
    static std::uint16_t next = 100;
    return {.id = ++next, .type = static_cast<std::uint16_t>(type), .data = {first, second, third}};
}

// A tap whose other end the test holds: datagrams keep the boundaries of frames.
struct TapPair {
    TapPair()
    {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
            std::abort();
        back.reset(ends[0]);
        host.reset(ends[1]);
    }
    // The next frame that netback wrote, header first; empty when there is none.
    std::vector<std::uint8_t> receive()
    {
        std::vector<std::uint8_t> out(70000);
        const ssize_t got = ::recv(host.get(), out.data(), out.size(), 0);
        out.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
        return out;
    }
    bool send(const TapHeader& header, std::span<const std::uint8_t> frame)
    {
        std::vector<std::uint8_t> out(sizeof header);
        std::memcpy(out.data(), &header, sizeof header);
        out.insert(out.end(), frame.begin(), frame.end());
        return ::send(host.get(), out.data(), out.size(), 0) == static_cast<ssize_t>(out.size());
    }
    UniqueFd back, host;
};

inline void fill(
    xen::FakeGrantTable& grants,
    std::uint32_t ref,
    std::size_t offset,
    std::span<const std::uint8_t> bytes
)
{
    std::memcpy(grants.page(ref).data() + offset, bytes.data(), bytes.size());
}

} // namespace zocalo::net::test
