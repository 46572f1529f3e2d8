// SPDX-License-Identifier: Apache-2.0
// Domctls about a domain's memory and its share of the machine's devices.
#include "hypervisor-core/hypercall/domctl.hpp"

#include <algorithm>

namespace zocalo::hv {
namespace {

std::uint64_t type_of(const FrameTable& frames, Mfn mfn, DomId owner)
{
    if (!frames.contains(mfn) || frames[mfn].owner != owner || frames[mfn].refs == 0)
        return XEN_DOMCTL_PFINFO_XTAB;
    const FrameInfo& frame = frames[mfn];
    const std::uint64_t level = frame.table_level();
    if (level == 0)
        return XEN_DOMCTL_PFINFO_NOTAB;
    // A pin that is not through is asked for again by its guest, wherever it goes on.
    const bool is_pinned = frame.has(FrameInfo::pinned) && !frame.has(FrameInfo::partial);
    const std::uint64_t pinned = is_pinned ? XEN_DOMCTL_PFINFO_LPINTAB : 0;
    return level << XEN_DOMCTL_PFINFO_LTAB_SHIFT | pinned;
}

// What a kernel that wants a hypercall page calls: one entry of 32 bytes per hypercall.
void write_hypercall_page(std::byte* page)
{
    constexpr std::size_t kEntry = 32;
    constexpr unsigned char kCall[] = {
        0x51,
        0x41,
        0x53,
        0xb8,
        0,
        0,
        0,
        0, // push, push, mov nr
        0x0f,
        0x05,
        0x41,
        0x5b,
        0x59,
        0xc3}; // syscall, pop, pop, ret
    constexpr std::size_t kCallNumberAt = 4;
    constexpr unsigned char kIret[] = {0x51, 0x41, 0x53, 0x50, 0xb8, 0, 0, 0, 0, 0x0f, 0x05};
    constexpr std::size_t kIretNumberAt = 5;
    for (std::size_t number = 0; number < kPageSize / kEntry; ++number) {
        std::byte* const entry = page + number * kEntry;
        const bool iret = number == __HYPERVISOR_iret; // it takes the registers from the stack
        const auto code =
            iret ? std::span<const unsigned char>{kIret} : std::span<const unsigned char>{kCall};
        std::fill_n(entry, kEntry, std::byte{0xcc});
        std::transform(code.begin(), code.end(), entry, [](unsigned char b) {
            return std::byte{b};
        });
        entry[iret ? kIretNumberAt : kCallNumberAt] = static_cast<std::byte>(number);
    }
}

// Devices stay dom0's: only what changes nothing is accepted.
Answer only_denied(std::uint8_t allow)
{
    return allow == 0 ? Answer{0} : Answer{Errno::opnotsupp};
}

} // namespace

Answer domctl::max_mem(Domctl& ctl)
{
    constexpr unsigned kKibPerFrameShift = 2;
    if (ctl.domain->dying)
        return Errno::inval;
    ctl.domain->memory.limit = ctl.op.u.max_mem.max_memkb >> kKibPerFrameShift;
    return 0;
}

Answer domctl::frame_types(Domctl& ctl)
{
    constexpr std::uint64_t kMost = 1024;
    const xen_domctl_getpageframeinfo3& args = ctl.op.u.getpageframeinfo3;
    if (args.num > kMost)
        return Errno::toobig;
    const GuestArray<std::uint64_t> items{address_of(args.array)};
    for (std::uint64_t i = 0; i < args.num; ++i) {
        const Mfn mfn{TRY(items[i].copy_in())};
        TRY(items[i].copy_out(type_of(ctl.system().memory.frames(), mfn, ctl.domain->id)));
    }
    return 0;
}

Answer domctl::hypercall_page(Domctl& ctl)
{
    Memory& memory = ctl.system().memory;
    const Mfn mfn{ctl.op.u.hypercall_init.gmfn};
    TRY(memory.frames().get(mfn, ctl.domain->id));
    const auto writable = memory.frames().get_writable(mfn);
    if (writable) {
        write_hypercall_page(hal::frame_bytes(mfn));
        memory.frames().put_writable(mfn);
    }
    memory.put(mfn);
    return writable;
}

Answer domctl::io_memory(Domctl& ctl)
{
    const xen_domctl_iomem_permission& args = ctl.op.u.iomem_permission;
    const std::uint64_t last = args.first_mfn + args.nr_mfns - 1;
    if (args.nr_mfns == 0 || last < args.first_mfn)
        return Errno::inval;
    IoRanges& given = ctl.domain->io_memory; // what is ours is refused when it is mapped
    return args.allow_access != 0 ? given.give(args.first_mfn, last)
                                  : given.take(args.first_mfn, last);
}

Answer domctl::io_ports(Domctl& ctl)
{
    constexpr std::uint32_t kPorts = 1 << 16;
    const xen_domctl_ioport_permission& args = ctl.op.u.ioport_permission;
    if (args.nr_ports == 0 || args.first_port >= kPorts || args.nr_ports > kPorts - args.first_port)
        return Errno::inval;
    const std::uint32_t last = args.first_port + args.nr_ports - 1;
    IoRanges& given = ctl.domain->io_ports;
    return args.allow_access != 0 ? given.give(args.first_port, last)
                                  : given.take(args.first_port, last);
}

Answer domctl::interrupts(Domctl& ctl)
{
    return only_denied(ctl.op.u.irq_permission.allow_access);
}

} // namespace zocalo::hv
