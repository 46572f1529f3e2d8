// SPDX-License-Identifier: Apache-2.0
// What dom0's programs ask of the hypervisor, through Linux's devices: a hypercall, an event to
// oneself, grants of one page that dom0 gives itself.
#include "tests/bench/probe.hpp"

#include <xen/version.h>
#include <xen/xen.h>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern "C" {
#include <xen/sys/evtchn.h>
#include <xen/sys/gntalloc.h>
#include <xen/sys/gntdev.h>
#include <xen/sys/privcmd.h>
}

namespace probe {
namespace {

constexpr std::size_t kPage = 4096;

// The lab's initramfs lists them in this order.
void load_modules()
{
    std::FILE* const list = std::fopen("/modules/order-xen", "r");
    if (list == nullptr)
        return;
    char name[128], path[160];
    while (std::fscanf(list, "%127s", name) == 1) {
        std::snprintf(path, sizeof(path), "/modules/%s", name);
        const int file = open(path, O_RDONLY);
        syscall(SYS_finit_module, file, "", 0); // those that do not load are not used
        close(file);
    }
    std::fclose(list);
}

void measure_hypercall()
{
    const int device = open("/dev/xen/privcmd", O_RDWR);
    must(device >= 0, "privcmd");
    measure("hypercall", 300, [&] {
        privcmd_hypercall call{__HYPERVISOR_xen_version, {XENVER_version, 0, 0, 0, 0}};
        must(ioctl(device, IOCTL_PRIVCMD_HYPERCALL, &call) > 0, "hypercall");
    });
    close(device);
}

void measure_event()
{
    const int device = open("/dev/xen/evtchn", O_RDWR);
    must(device >= 0, "evtchn");
    ioctl_evtchn_bind_unbound_port free_end{0};
    const int there = ioctl(device, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &free_end);
    ioctl_evtchn_bind_interdomain ends{0, static_cast<unsigned>(there)};
    const int here = ioctl(device, IOCTL_EVTCHN_BIND_INTERDOMAIN, &ends);
    must(there > 0 && here > 0, "event channel");
    measure("event", 50, [&] {
        ioctl_evtchn_notify notify{static_cast<unsigned>(here)};
        must(ioctl(device, IOCTL_EVTCHN_NOTIFY, &notify) == 0, "notify");
        std::uint32_t port;
        must(read(device, &port, sizeof(port)) == sizeof(port), "event");
        must(write(device, &port, sizeof(port)) == sizeof(port), "unmask");
    });
    close(device);
}

void measure_map(std::uint32_t grant)
{
    const int device = open("/dev/xen/gntdev", O_RDWR);
    must(device >= 0, "gntdev");
    measure("grant_map", 20, [&] {
        ioctl_gntdev_map_grant_ref map{1, 0, 0, {{0, grant}}};
        must(ioctl(device, IOCTL_GNTDEV_MAP_GRANT_REF, &map) == 0, "map");
        void* const page = mmap(
            nullptr,
            kPage,
            PROT_READ | PROT_WRITE,
            MAP_SHARED,
            device,
            static_cast<off_t>(map.index)
        );
        must(page != MAP_FAILED, "mmap");
        munmap(page, kPage);
        ioctl_gntdev_unmap_grant_ref unmap{map.index, 1, 0};
        must(ioctl(device, IOCTL_GNTDEV_UNMAP_GRANT_REF, &unmap) == 0, "unmap");
    });
    close(device);
}

void measure_copy(std::uint32_t grant)
{
    const int device = open("/dev/xen/gntdev", O_RDWR);
    must(device >= 0, "gntdev");
    alignas(kPage) static char page[kPage];
    measure("grant_copy", 50, [&] {
        ioctl_gntdev_grant_copy_segment segment{};
        segment.source.foreign.ref = grant;
        segment.source.foreign.domid = 0;
        segment.dest.virt = page;
        segment.len = kPage;
        segment.flags = 1; // GNTCOPY_source_gref
        ioctl_gntdev_grant_copy copy{1, &segment};
        must(ioctl(device, IOCTL_GNTDEV_GRANT_COPY, &copy) == 0 && segment.status == 0, "copy");
    });
    close(device);
}

// The first channel of the domain that waits for dom0: event_echo.cpp allocates one. 0: none.
int bind_to_waiting(int device, unsigned domain)
{
    constexpr unsigned kMostPorts = 64;
    for (unsigned remote = 1; remote < kMostPorts; ++remote) {
        ioctl_evtchn_bind_interdomain ends{domain, remote};
        if (const int here = ioctl(device, IOCTL_EVTCHN_BIND_INTERDOMAIN, &ends); here > 0)
            return here;
    }
    return 0;
}

} // namespace

void measure_ping(unsigned domain)
{
    const int device = open("/dev/xen/evtchn", O_RDWR);
    must(device >= 0, "evtchn");
    const int here = bind_to_waiting(device, domain);
    must(here > 0, "event channel of the guest");
    std::uint32_t port;
    // Binding raises it once.
    must(read(device, &port, sizeof(port)) == sizeof(port), "first event");
    must(write(device, &port, sizeof(port)) == sizeof(port), "unmask");
    measure("event_ping", 50, [&] {
        ioctl_evtchn_notify notify{static_cast<unsigned>(here)};
        must(ioctl(device, IOCTL_EVTCHN_NOTIFY, &notify) == 0, "notify");
        must(read(device, &port, sizeof(port)) == sizeof(port), "event");
        must(write(device, &port, sizeof(port)) == sizeof(port), "unmask");
    });
    close(device);
}

void measure_xen()
{
    load_modules();
    if (access("/dev/xen/privcmd", F_OK) != 0 || access("/dev/xen/gntalloc", F_OK) != 0)
        return;
    measure_hypercall();
    measure_event();
    const int device = open("/dev/xen/gntalloc", O_RDWR);
    ioctl_gntalloc_alloc_gref grant{};
    grant.flags = GNTALLOC_FLAG_WRITABLE;
    grant.count = 1;
    must(device >= 0 && ioctl(device, IOCTL_GNTALLOC_ALLOC_GREF, &grant) == 0, "gntalloc");
    measure_map(grant.gref_ids[0]);
    measure_copy(grant.gref_ids[0]);
    close(device);
}

} // namespace probe
