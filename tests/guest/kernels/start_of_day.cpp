// SPDX-License-Identifier: Apache-2.0
// What a paravirtual kernel finds when it starts: start_info, its tables, the M2P, masked events.
#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/trap.hpp"
#include "tests/guest/lib/verdict.hpp"

#include <string_view>

namespace zocalo::guest {
namespace {

void check_start_info()
{
    check(std::string_view{info->magic}.starts_with("xen-3."), "the magic");
    check(info->nr_pages >= 1024, "nr_pages");
    same(info->flags & (SIF_PRIVILEGED | SIF_INITDOMAIN), 0, "flags of an ordinary domain");
    check(info->console.domU.evtchn != 0 && info->store_evtchn != 0, "both channels are there");
    check(shared().wc_sec != 0, "the wall clock runs");
    check(shared().vcpu_info[0].time.tsc_to_system_mul != 0, "the clock has a scale");
}

void check_tables()
{
    const auto start = reinterpret_cast<std::uint64_t>(info);
    check((*entry_at(start, 1) & kWritable) != 0, "start_info is writable");
    for (std::uint64_t i = 0; i < info->nr_pt_frames; ++i)
        same(*entry_at(info->pt_base + i * kPageSize, 1) & kWritable, 0, "a table is read-only");
    std::uint64_t* const root = entry_at(start, 4);
    const Trap trap = guarded([&] { *static_cast<volatile std::uint64_t*>(root) = 0; });
    same(trap.vector, kPageFault, "writing to the root table");
    same(trap.error, kFaultPresent | kFaultWrite, "the fault's error code");
    same(trap.address, reinterpret_cast<std::uint64_t>(root), "the fault's address");
}

void check_machine_table()
{
    const auto* const m2p = reinterpret_cast<const std::uint64_t*>(MACH2PHYS_VIRT_START);
    const auto* const p2m = reinterpret_cast<const std::uint64_t*>(info->mfn_list);
    unsigned wrong = 0;
    for (std::uint64_t pfn = 0; pfn < info->nr_pages; ++pfn)
        if (m2p[p2m[pfn]] != pfn)
            ++wrong;
    same(wrong, 0, "frames whose two translations differ");
    const Trap trap = guarded([&] { *const_cast<volatile std::uint64_t*>(m2p + p2m[0]) = 1; });
    same(trap.vector, kPageFault, "writing to the machine-to-physical table");
    same(trap.error & kFaultWrite, kFaultWrite, "it is a write");
}

} // namespace

void test()
{
    check_start_info();
    check_tables();
    check_machine_table();
    same(vcpu_area().evtchn_upcall_mask, 1, "events are masked");
    std::uint64_t cs, ss;
    asm("mov %%cs, %0; mov %%ss, %1" : "=r"(cs), "=r"(ss));
    same(cs, FLAT_KERNEL_CS, "cs");
    same(ss, FLAT_KERNEL_SS, "ss");
}

} // namespace zocalo::guest
