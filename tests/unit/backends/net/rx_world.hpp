// SPDX-License-Identifier: Apache-2.0
// A guest's receive ring, its pages and a tap around one RxQueue.
#pragma once

#include "backends/net/rx_queue.hpp"
#include "tests/unit/backends/net/frames.hpp"
#include "tests/unit/backends/net/frontend.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace zocalo::net::test {

inline constexpr GuestOffloads kAble{true, true, true, true, true, 0};
inline constexpr std::uint32_t kFirstRef = 200;

struct RxQueueTest : ::testing::Test {
    RxQueueTest()
        : ring_{*xen::BackRing::attach(front_.pages(), 8)}, grants_{kGuest},
          tap_{std::move(pair_.back)}, queue_{make(kAble)}
    {
    }

    RxQueue make(const GuestOffloads& offloads)
    {
        return {ring_, kGuest, offloads, grants_, arena_, tap_};
    }
    // Receive buffers, one page each; ids count from 0 with the references.
    void post(unsigned buffers)
    {
        for (unsigned i = 0; i < buffers; ++i, ++posted_) {
            grants_.page(kFirstRef + posted_).fill(std::byte{0xee});
            front_.put({static_cast<std::uint16_t>(posted_), 0, kFirstRef + posted_});
        }
    }
    RxQueue::Round serve()
    {
        RxQueue::Round all;
        for (unsigned i = 0; i < 100; ++i) {
            const RxQueue::Round round = queue_.serve();
            all.notify = all.notify || round.notify;
            all.after = round.after;
            if (round.after != RxQueue::After::more)
                break;
        }
        return all;
    }
    // What the guest finds behind one response.
    Frame received(const netif_rx_response& response)
    {
        const auto& page = grants_.page(kFirstRef + response.id);
        Frame out(static_cast<std::size_t>(response.status));
        std::memcpy(out.data(), page.data() + response.offset, out.size());
        return out;
    }

    RxFront front_;
    RxRing ring_;
    xen::FakeGrantTable grants_;
    Arena arena_;
    TapPair pair_;
    Tap tap_;
    RxQueue queue_;
    unsigned posted_{};
};

} // namespace zocalo::net::test
