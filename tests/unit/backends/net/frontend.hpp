// SPDX-License-Identifier: Apache-2.0
// The guest's side of a netif queue pair in plain memory, for the tests of netback: honest by
// default; what it writes into the shared pages is the test's choice.
#pragma once

#include "common/xen-proto/back_ring.hpp"
#include "common/xen-sys/fake/fake_grant_table.hpp"
#include "tests/unit/backends/net/slots.hpp"

#include <xen/io/netif.h>

#include <array>
#include <cstring>
#include <span>
#include <string_view>
#include <sys/socket.h>
#include <vector>

namespace zocalo::net::test {

inline constexpr DomId kGuest{5};
inline constexpr std::uint32_t kTxRef = 8;
inline constexpr std::uint32_t kRxRef = 9;

// One shared ring page. Slots are read and written as the frontend does, at any index.
template <class Sring, class Request, class Response> class FrontRing {
  public:
    FrontRing()
    {
        ring()->req_event = 1;
        ring()->rsp_event = 1;
    }
    std::span<std::byte> page() { return page_; }
    Sring* ring() { return reinterpret_cast<Sring*>(page_.data()); }
    void put(const Request& request)
    {
        std::memcpy(slot(next_++), &request, sizeof request);
        ring()->req_prod = next_;
    }
    // Responses that came since the last call.
    std::vector<Response> take()
    {
        std::vector<Response> out;
        for (; taken_ != ring()->rsp_prod; ++taken_) {
            Response response;
            std::memcpy(&response, slot(taken_), sizeof response);
            out.push_back(response);
        }
        ring()->rsp_event = taken_ + 1;
        return out;
    }

  private:
    static constexpr std::uint32_t kSlots = 256;
    std::byte* slot(std::uint32_t index)
    {
        return page_.data() + xen::kRingSlots + (index % kSlots) * sizeof(*Sring{}.ring);
    }
    alignas(4096) std::array<std::byte, 4096> page_{};
    std::uint32_t next_{};
    std::uint32_t taken_{};
};

using TxFront = FrontRing<netif_tx_sring, netif_tx_request, netif_tx_response>;
using RxFront = FrontRing<netif_rx_sring, netif_rx_request, netif_rx_response>;

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
