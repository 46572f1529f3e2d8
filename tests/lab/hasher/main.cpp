// SPDX-License-Identifier: Apache-2.0
// hasher: a network frontend with two queues, if it may, and a control ring, run by root inside a
// guest (lab/test_hashes.py). It takes a card whose driver was unbound, sets up hashing as
// xen/io/netif.h says ("Control ring") and prints, each on a line:
//
//     queues COUNT                       as many as the backend has, two at most
//     control TYPE STATUS DATA           an answer of the control ring
//     ready                              frames may come
//     frame QUEUE TYPE HASH FLOW         a frame with a hash; FLOW is what such hashes are made of
//     plain QUEUE FLAGS STATUS           a frame without one, or an error, or a part of a frame
//     backend STATE                      at the end
//
//     hasher DEVICE FRAMES               ends after so many frames with a hash, or two minutes
#include "tests/lab/frontend/xen_devices.hpp"

#include <xen/io/netif.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>

namespace {

using namespace zocalo::lab;

constexpr unsigned kMostQueues = 2;
constexpr unsigned kBuffers = 200; // of 256 places; none is offered twice
constexpr std::uint32_t kAllTypes = 15;
constexpr std::array<std::uint32_t, 8> kTable{0, 1, 0, 1, 1, 0, 0, 1};
// In the publications on receive-side scaling, with examples.
constexpr std::array<std::uint8_t, 40> kKey{
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

struct Queue {
    netif_rx_sring* ring{};
    Events events;
    std::array<Page, kBuffers> buffers{};
    unsigned seen = 0;
};

class Hasher : Frontend {
  public:
    explicit Hasher(const std::string& device) : Frontend{"vif/" + device} {}

    int run(unsigned frames)
    {
        connect();
        set_up();
        std::puts("ready");
        for (unsigned i = 0; i < 12'000 && hashed_ < frames; ++i) {
            for (unsigned q = 0; q < count_; ++q)
                look(q);
            ::usleep(10'000);
        }
        close();
        return 0;
    }

  private:
    void connect()
    {
        set_state(XenbusStateInitialising);
        await([this] { return state() == XenbusStateInitWait; });
        for (const char* name : {"event-channel", "event-channel-tx", "event-channel-rx"})
            remove(name);
        const std::string most = store.read(back + "/multi-queue-max-queues");
        count_ = std::atoi(most.c_str()) >= int{kMostQueues} ? kMostQueues : 1;
        std::printf("queues %u\n", count_);
        write("multi-queue-num-queues", count_);
        for (unsigned q = 0; q < count_; ++q)
            offer(queues_[q], count_ == 1 ? "" : "queue-" + std::to_string(q) + "/");
        const Page page = grants.make();
        control_ = ring_on<xen_netif_ctrl_sring>(page);
        write("ctrl-ring-ref", page.ref);
        write("event-channel-ctrl", control_events_.port());
        write("request-rx-copy", 1);
        write("feature-rx-notify", 1);
        write("feature-sg", 1);
        set_state(XenbusStateConnected);
        await([this] { return state() > XenbusStateInitWait; });
    }

    void offer(Queue& queue, const std::string& where)
    {
        const Page tx = grants.make(), rx = grants.make();
        ring_on<netif_tx_sring>(tx);
        queue.ring = ring_on<netif_rx_sring>(rx);
        for (const char* name : {"event-channel-tx", "event-channel-rx"})
            remove(where + name);
        write(where + "tx-ring-ref", tx.ref);
        write(where + "rx-ring-ref", rx.ref);
        write(where + "event-channel", queue.events.port());
        for (unsigned i = 0; i < kBuffers; ++i) {
            queue.buffers[i] = grants.make();
            queue.ring->ring[i].req = {
                .id = static_cast<std::uint16_t>(i), .pad = 0, .gref = queue.buffers[i].ref};
        }
        std::atomic_ref{queue.ring->req_prod}.store(kBuffers);
    }

    void set_up()
    {
        ask(XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM, XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ);
        ask(XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS);
        ask(XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, kAllTypes);
        ask(XEN_NETIF_CTRL_TYPE_SET_HASH_KEY, page_with(std::as_bytes(std::span{kKey})), 40);
        ask(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE, kTable.size());
        ask(XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE);
        auto queues = kTable;
        for (std::uint32_t& queue : queues)
            queue %= count_;
        const std::uint32_t table = page_with(std::as_bytes(std::span{queues}));
        ask(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, table, kTable.size(), 0);
        ask(XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING, table, kTable.size(), 1); // beyond its end
        ask(XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM, 77);
    }

    std::uint32_t page_with(std::span<const std::byte> bytes)
    {
        const Page page = grants.make();
        std::memcpy(page.address, bytes.data(), bytes.size());
        return page.ref;
    }

    void ask(std::uint32_t type, std::uint32_t a = 0, std::size_t b = 0, std::uint32_t c = 0)
    {
        auto& request = control_->ring[asked_ % 128].req;
        request = {
            .id = static_cast<std::uint16_t>(asked_),
            .type = static_cast<std::uint16_t>(type),
            .data = {a, static_cast<std::uint32_t>(b), c}};
        ++asked_;
        std::atomic_ref{control_->req_prod}.store(asked_);
        control_events_.notify();
        if (!await([this] { return std::atomic_ref{control_->rsp_prod}.load() == asked_; }))
            die("no answer on the control ring");
        const xen_netif_ctrl_response response = control_->ring[(asked_ - 1) % 128].rsp;
        std::printf("control %u %u %u\n", response.type, response.status, response.data);
    }

    // What came since the last look; a frame here is of one page, between extra-info.
    void look(unsigned number)
    {
        Queue& queue = queues_[number];
        const unsigned end = std::atomic_ref{queue.ring->rsp_prod}.load();
        while (queue.seen != end) {
            const netif_rx_response response = next(queue).rsp;
            bool more = (response.flags & NETRXF_extra_info) != 0, hashed = false;
            while (more && queue.seen != end) {
                netif_extra_info extra{};
                std::memcpy(&extra, &next(queue), sizeof extra);
                more = (extra.flags & XEN_NETIF_EXTRA_FLAG_MORE) != 0;
                if (hashed = extra.type == XEN_NETIF_EXTRA_TYPE_HASH; hashed)
                    print(number, extra, queue.buffers.at(response.id), response.offset);
            }
            if (!hashed)
                std::printf("plain %u %u %d\n", number, response.flags, response.status);
        }
    }

    static netif_rx_sring_entry& next(Queue& queue) { return queue.ring->ring[queue.seen++ % 256]; }

    void print(unsigned number, const netif_extra_info& extra, const Page& page, std::size_t offset)
    {
        std::uint32_t value = 0;
        std::memcpy(&value, extra.u.hash.value, sizeof value);
        std::printf("frame %u %u %08x ", number, extra.u.hash.type, value);
        const auto* bytes = static_cast<const unsigned char*>(page.address) + offset;
        const bool v6 = bytes[12] == 0x86;
        const bool ports = bytes[v6 ? 20 : 23] == 6;
        const unsigned from = v6 ? 22 : 26, length = (v6 ? 32 : 8) + (ports ? 4 : 0);
        for (unsigned i = from; i < from + length; ++i)
            std::printf("%02x", bytes[i]);
        std::puts("");
        ++hashed_;
    }

    Events control_events_;
    xen_netif_ctrl_sring* control_{};
    std::array<Queue, kMostQueues> queues_{};
    unsigned count_ = 1;
    unsigned asked_ = 0, hashed_ = 0;
};

} // namespace

int main(int argc, char** argv)
{
    if (argc != 3)
        return 2;
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    return Hasher{argv[1]}.run(static_cast<unsigned>(std::atoi(argv[2])));
}
