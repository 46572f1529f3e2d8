// SPDX-License-Identifier: Apache-2.0
// liar: a frontend that lies, run by root inside a guest (lab/test_hostile.py). It takes a device
// whose driver was unbound, offers rings of its own from user space (/dev/xen/gntalloc, evtchn and
// xenbus), tells one lie and prints what the backend answered: "response ID STATUS" for each
// answer, "backend STATE" at the end. Knows nothing of our backends: only Xen's interfaces.
//
//     liar vbd 51712 LIE    liar vif 0 LIE
#include "common/posix/unique_fd.hpp"

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

// The first defines what the others use.
// clang-format off
#include <xen/xen.h>
#include <xen/evtchn.h>
#include <xen/gntalloc.h>
#include <xen/io/blkif.h>
#include <xen/io/netif.h>
#include <xen/io/xenbus.h>
#include <xen/io/xs_wire.h>
// clang-format on

namespace {

using zocalo::UniqueFd;

[[noreturn]] void die(const std::string& what)
{
    std::perror(("liar: " + what).c_str());
    std::exit(1);
}

UniqueFd open_device(const char* path)
{
    UniqueFd fd{::open(path, O_RDWR | O_CLOEXEC)};
    if (!fd)
        die(path);
    return fd;
}

class Store {
  public:
    std::string read(const std::string& path) { return ask(XS_READ, path + '\0'); }
    void write(const std::string& path, const std::string& value)
    {
        if (ask(XS_WRITE, path + '\0' + value) != std::string("OK") + '\0')
            die("write " + path);
    }

    // What is not there is no error.
    void remove(const std::string& path) { ask(XS_RM, path + '\0'); }

  private:
    // One request and its answer; an error's name is the answer.
    std::string ask(unsigned type, const std::string& payload)
    {
        xsd_sockmsg head{type, 1, 0, static_cast<std::uint32_t>(payload.size())};
        std::string message(reinterpret_cast<const char*>(&head), sizeof head);
        message += payload;
        if (::write(fd_.get(), message.data(), message.size()) < 0)
            die("xenbus");
        take(reinterpret_cast<char*>(&head), sizeof head);
        std::string answer(head.len, '\0');
        take(answer.data(), answer.size());
        return answer;
    }
    void take(char* to, std::size_t bytes)
    {
        while (bytes != 0) {
            const ssize_t got = ::read(fd_.get(), to, bytes);
            if (got <= 0)
                die("xenbus");
            to += got;
            bytes -= static_cast<std::size_t>(got);
        }
    }
    UniqueFd fd_ = open_device("/dev/xen/xenbus");
};

// A page that dom0 may map, full of zeroes.
struct Page {
    std::uint32_t ref{};
    void* address{};
};

class Grants {
  public:
    Page make()
    {
        ioctl_gntalloc_alloc_gref wanted{};
        wanted.flags = GNTALLOC_FLAG_WRITABLE;
        wanted.count = 1;
        if (::ioctl(fd_.get(), IOCTL_GNTALLOC_ALLOC_GREF, &wanted) != 0)
            die("gntalloc");
        void* address = ::mmap(
            nullptr,
            4096,
            PROT_READ | PROT_WRITE,
            MAP_SHARED,
            fd_.get(),
            static_cast<off_t>(wanted.index)
        );
        if (address == MAP_FAILED)
            die("mmap");
        std::memset(address, 0, 4096);
        return {wanted.gref_ids[0], address};
    }

  private:
    UniqueFd fd_ = open_device("/dev/xen/gntalloc");
};

class Events {
  public:
    Events()
    {
        ioctl_evtchn_bind_unbound_port wanted{0};
        port_ = ::ioctl(fd_.get(), IOCTL_EVTCHN_BIND_UNBOUND_PORT, &wanted);
        if (port_ < 0)
            die("evtchn");
    }
    unsigned port() const { return static_cast<unsigned>(port_); }
    void notify()
    {
        ioctl_evtchn_notify which{port()};
        ::ioctl(fd_.get(), IOCTL_EVTCHN_NOTIFY, &which);
    }

  private:
    UniqueFd fd_ = open_device("/dev/xen/evtchn");
    int port_{};
};

template <class Shared> Shared* ring_on(const Page& page)
{
    auto* ring = static_cast<Shared*>(page.address);
    ring->req_event = ring->rsp_event = 1;
    return ring;
}

// What a lie does to the rings; the connection is the same for all of one kind.
class Liar {
  public:
    Liar(std::string kind, const std::string& device, std::string lie)
        : disk_{kind == "vbd"}, lie_{std::move(lie)}, front_{"device/" + kind + "/" + device},
          back_{store_.read(front_ + "/backend")}
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
        std::printf("backend %d\n", state());
        set_state(XenbusStateClosing);
        set_state(XenbusStateClosed);
        await([this] { return state() == XenbusStateClosed || state() == XenbusStateInitWait; });
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
            store_.remove(front_ + "/" + name);
    }

    int state() { return std::atoi(store_.read(back_ + "/state").c_str()); }
    void set_state(int state) { store_.write(front_ + "/state", std::to_string(state)); }
    void write(const char* key, unsigned value)
    {
        store_.write(front_ + "/" + key, std::to_string(value));
    }

    // Until it is so, ten seconds at most.
    template <class Condition> bool await(Condition condition)
    {
        for (int i = 0; i < 1000; ++i) {
            if (condition())
                return true;
            ::usleep(10'000);
        }
        return false;
    }

    void offer_disk()
    {
        const Page page = grants_.make();
        blk_ = ring_on<blkif_sring>(page);
        write("ring-ref", lie_ == "ring" ? 0x7fff'fff0U : page.ref);
        write("event-channel", lie_ == "port" ? 4000U : events_.port());
        store_.write(front_ + "/protocol", "x86_64-abi");
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
        request.seg[0].gref = lie_ == "grant" ? 0x7fff'fff0U : grants_.make().ref;
        request.seg[0].last_sect = lie_ == "segment" ? 255 : 7;
        publish(blk_, lie_ == "producer" ? 0x10'0000U : 1U);
        hear([this](unsigned i) {
            const blkif_response& response = blk_->ring[i % 32].rsp;
            std::printf("response %u %d\n", static_cast<unsigned>(response.id), response.status);
        });
    }

    void offer_card()
    {
        const Page tx = grants_.make(), rx = grants_.make();
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
            request.gref = lie_ == "grant" ? 0x7fff'fff0U : grants_.make().ref;
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
    std::string lie_, front_;
    Store store_;
    std::string back_;
    Grants grants_;
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
