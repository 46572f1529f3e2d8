// SPDX-License-Identifier: Apache-2.0
// What a frontend in user space is made of, for root inside a guest: xenstore through
// /dev/xen/xenbus, pages that dom0 may map through gntalloc, event channels through evtchn.
// Whatever fails ends the program.
#pragma once

#include "common/posix/unique_fd.hpp"

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
#include <xen/io/xenbus.h>
#include <xen/io/xs_wire.h>
// clang-format on

namespace zocalo::lab {

[[noreturn]] inline void die(const std::string& what)
{
    std::perror(what.c_str());
    std::exit(1);
}

inline UniqueFd open_device(const char* path)
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

// Until it is so; false after ten seconds.
template <class Condition> bool await(Condition condition)
{
    for (int i = 0; i < 1000; ++i) {
        if (condition())
            return true;
        ::usleep(10'000);
    }
    return false;
}

// One end of a device: its directory in xenstore, the backend's, and pages to grant.
struct Frontend {
    // `device` as in "vbd/51712".
    explicit Frontend(const std::string& device)
        : front{"device/" + device}, back{store.read(front + "/backend")}
    {
    }

    int state() { return std::atoi(store.read(back + "/state").c_str()); }
    void set_state(int state) { store.write(front + "/state", std::to_string(state)); }
    void write(const std::string& key, unsigned value)
    {
        store.write(front + "/" + key, std::to_string(value));
    }
    void remove(const std::string& key) { store.remove(front + "/" + key); }

    // Says how the backend took it, and gives the device back.
    void close()
    {
        std::printf("backend %d\n", state());
        set_state(XenbusStateClosing);
        set_state(XenbusStateClosed);
        await([this] { return state() == XenbusStateClosed || state() == XenbusStateInitWait; });
    }

    Store store;
    std::string front, back;
    Grants grants;
};

} // namespace zocalo::lab
