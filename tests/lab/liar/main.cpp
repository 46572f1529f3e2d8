// SPDX-License-Identifier: Apache-2.0
// liar: a frontend that lies, run by root inside a guest (lab/test_hostile.py). It takes a device
// whose driver was unbound, offers rings of its own from user space (/dev/xen/gntalloc, evtchn and
// xenbus), tells one lie and prints what the backend answered: "response ID STATUS" for each
// answer, "backend STATE" at the end. Knows nothing of our backends: only Xen's interfaces.
//
//     liar vbd 51712 LIE    liar vif 0 LIE
#include "tests/lab/frontend/xen_devices.hpp"

#include <xen/io/blkif.h>
#include <xen/io/netif.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

using namespace zocalo::lab;

// What a lie does to the rings; the connection is the same for all of one kind.
class Liar : Frontend {
  public:
    Liar(std::string kind, const std::string& device, std::string lie)
        : Frontend{kind + "/" + device}, disk_{kind == "vbd"}, lie_{std::move(lie)}
    {
    }

    int tell()
    {
        forget_the_driver();
        set_state(XenbusStateInitialising);
        if (await([this] { return state() == XenbusStateInitWait; }); disk_)
            offer_disk();
        else
            offer_card();
        await([this] { return state() > XenbusStateInitWait; });
        if (state() == XenbusStateConnected) {
            if (disk_)
                lie_to_disk();
            else
                lie_to_card();
        }
        close();
        return 0;
    }

  private:
    // The kernel's driver offered several queues, and what it wrote down for them outlives it.
    void forget_the_driver()
    {
        for (const char* name :
             {"multi-queue-num-queues",
              "queue-0",
              "queue-1",
              "ring-page-order",
              "feature-persistent",
              "event-channel-tx",
              "event-channel-rx"})
            remove(name);
    }

    void offer_disk()
    {
        const Page page = grants.make();
        blk_ = ring_on<blkif_sring>(page);
        write("ring-ref", lie_ == "ring" ? 0x7fff'fff0U : page.ref);
        write("event-channel", lie_ == "port" ? 4000U : events_.port());
        store.write(front + "/protocol", "x86_64-abi");
        set_state(XenbusStateInitialised);
    }

    void lie_to_disk()
    {
        blkif_request& request = blk_->ring[0].req;
        request.operation = lie_ == "operation" ? 99
                            : lie_ == "write"   ? BLKIF_OP_WRITE
                                                : BLKIF_OP_READ;
        request.nr_segments = lie_ == "segments" ? 255 : 1;
        request.id = 42;
        request.sector_number = lie_ == "sector" ? ~std::uint64_t{0} - 3 : 0;
        request.seg[0].gref = lie_ == "grant" ? 0x7fff'fff0U : grants.make().ref;
        request.seg[0].last_sect = lie_ == "segment" ? 255 : 7;
        publish(blk_, lie_ == "producer" ? 0x10'0000U : 1U);
        hear([this](unsigned i) {
            const blkif_response& response = blk_->ring[i % 32].rsp;
            std::printf("response %u %d\n", static_cast<unsigned>(response.id), response.status);
        });
    }

    void offer_card()
    {
        const Page tx = grants.make(), rx = grants.make();
        tx_ = ring_on<netif_tx_sring>(tx);
        rx_ = ring_on<netif_rx_sring>(rx);
        write("tx-ring-ref", lie_ == "ring" ? 0x7fff'fff0U : tx.ref);
        write("rx-ring-ref", rx.ref);
        write("event-channel", events_.port());
        write("request-rx-copy", 1);
        write("feature-sg", 1);
        set_state(XenbusStateConnected);
    }

    void lie_to_card()
    {
        if (lie_ == "rx-producer") {
            publish(rx_, 0x10'0000U);
            hear([](unsigned) {});
            return;
        }
        const unsigned slots = lie_ == "slots" ? 40 : 1;
        for (unsigned i = 0; i < slots; ++i) {
            netif_tx_request& request = tx_->ring[i].req;
            request.gref = lie_ == "grant" ? 0x7fff'fff0U : grants.make().ref;
            request.offset = lie_ == "offset" ? 4090 : 0;
            request.flags = i + 1 < slots ? NETTXF_more_data : 0;
            request.id = static_cast<std::uint16_t>(i);
            request.size = lie_ == "slots" && i == 0 ? 2000 : 60;
        }
        publish(tx_, lie_ == "producer" ? 0x10'0000U : slots);
        hear([this](unsigned i) {
            const netif_tx_response& response = tx_->ring[i % 256].rsp;
            std::printf("response %u %d\n", response.id, response.status);
        });
    }

    template <class Shared> void publish(Shared* ring, unsigned producer)
    {
        std::atomic_thread_fence(std::memory_order_seq_cst);
        ring->req_prod = producer;
        events_.notify();
        produced_ = &ring->rsp_prod;
    }

    // Answers until the backend has let go of the ring, or for a moment after the first.
    template <class Print> void hear(Print print)
    {
        const auto answered = [this] { return std::atomic_ref{*produced_}.load() != 0; };
        await([&] { return answered() || state() != XenbusStateConnected; });
        ::usleep(200'000);
        for (unsigned i = 0; i < std::atomic_ref{*produced_}.load() && i < 64; ++i)
            print(i);
    }

    bool disk_;
    std::string lie_;
    Events events_;
    blkif_sring* blk_{};
    netif_tx_sring* tx_{};
    netif_rx_sring* rx_{};
    RING_IDX* produced_{};
};

} // namespace

int main(int argc, char** argv)
{
    if (argc != 4)
        return 2;
    return Liar{argv[1], argv[2], argv[3]}.tell();
}
