// SPDX-License-Identifier: Apache-2.0
// Segment descriptors: the GDT, single entries, and an LDT that is looked at when it is used.
// Class: descriptor checks.
#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/trap.hpp"
#include "tests/guest/lib/verdict.hpp"

namespace zocalo::guest {
namespace {

constexpr std::uint64_t kData = 0x00cff3000000ffff; // 4 GiB of data, ring 3, accessed
constexpr std::uint64_t kDataRing0 = 0x00cf93000000ffff;
constexpr std::uint64_t kNotPresent = 0x00cf73000000ffff;
constexpr std::uint64_t kTaskState = 0x0000890000000067;
constexpr std::uint64_t kCallGate = 0x00008c0000080000;
constexpr std::uint64_t kTrapGate = 0x00008f0000080000;

// Loads FS with a selector and takes it away again.
Trap load(std::uint16_t selector)
{
    const Trap trap = guarded([&] { asm volatile("mov %0, %%fs" : : "r"(selector)); });
    asm volatile("mov %0, %%fs" : : "r"(std::uint16_t{0}));
    return trap;
}

constexpr std::uint16_t global(unsigned index)
{
    return static_cast<std::uint16_t>(index << 3 | 3);
}
constexpr std::uint16_t local(unsigned index)
{
    return static_cast<std::uint16_t>(index << 3 | 4 | 3);
}

std::int64_t set_gdt(const Page& page, unsigned entries)
{
    const std::uint64_t frames[] = {mfn_of(&page)};
    return hypercall(__HYPERVISOR_set_gdt, frames, entries);
}

std::int64_t set_descriptor(const std::uint64_t& entry, std::uint64_t descriptor)
{
    return hypercall(__HYPERVISOR_update_descriptor, machine_of(&entry), descriptor);
}

void check_gdt()
{
    Page& gdt = new_page();
    gdt.words[1] = kData;
    gdt.words[2] = kDataRing0;
    gdt.words[3] = kNotPresent;
    same(set_gdt(gdt, 512), kInvalid, "a GDT that is mapped writable");
    same(map(gdt, kReadOnly), 0, "read-only");
    same(set_gdt(gdt, 512), 0, "a GDT");
    same(map(gdt, kReadWrite), kBusy, "a GDT writable");
    same(load(global(1)).vector, kNoTrap, "its data segment");
    same(gdt.words[2] >> 45 & 3, 3, "ring 0 became ring 3");
    const Trap absent = load(global(3));
    same(absent.vector, 11, "a segment that is not present");
    same(absent.error, 3 << 3, "its error code");
    const Trap beyond = load(global(600));
    same(beyond.vector, kProtection, "an entry that is not there");
    same(beyond.error, 600 << 3, "its error code");

    same(set_descriptor(gdt.words[4], kData), 0, "one more entry");
    same(load(global(4)).vector, kNoTrap, "it works");
    for (const std::uint64_t bad : {kTaskState, kTrapGate})
        check(set_descriptor(gdt.words[4], bad) < 0, "descriptor ", hex(bad));
    same(gdt.words[4] >> 44 & 1, 1, "the entry stays");
    same(set_descriptor(gdt.words[4], 0), 0, "an empty entry");
    check(hypercall(__HYPERVISOR_update_descriptor, machine_of(&gdt) + 4, kData) < 0, "misaligned");
    check(
        hypercall(__HYPERVISOR_update_descriptor, root_mfn() * kPageSize, kData) < 0,
        "in a page table"
    );
    check(hypercall(__HYPERVISOR_update_descriptor, 0xfee00000, kData) < 0, "in no frame of ours");
    same(hypercall(__HYPERVISOR_set_gdt, 0, 0x2000), kInvalid, "too many entries");
    same(hypercall(__HYPERVISOR_set_gdt, 0, 0), 0, "no GDT");
    same(map(gdt, kReadWrite), 0, "the page is data again");

    gdt.words[7] = kTaskState;
    map(gdt, kReadOnly);
    check(set_gdt(gdt, 512) < 0, "a GDT with a task state segment");
    same(map(gdt, kReadWrite), 0, "it stays data");
}

std::int64_t set_ldt(std::uint64_t address, std::uint64_t entries)
{
    return mmuext(MMUEXT_SET_LDT, address, entries);
}

void check_ldt()
{
    Page &table = new_page(), &second = new_page();
    const auto address = reinterpret_cast<std::uint64_t>(&table);
    table.words[1] = kData;
    same(map(table, kReadOnly), 0, "read-only");
    same(map(second, kReadOnly), 0, "read-only");
    same(load(local(1)).vector, kProtection, "without LDT");
    same(set_ldt(address, 600), 0, "an LDT");
    same(load(local(1)).vector, kNoTrap, "its segment");
    const Trap empty = load(local(2));
    same(empty.vector, kProtection, "an empty entry");
    same(empty.error, 2 << 3 | 4, "its error code names the LDT");
    same(load(local(700)).vector, kProtection, "beyond its end");
    same(set_descriptor(table.words[2], kData), 0, "one more entry");
    same(load(local(2)).vector, kNoTrap, "it works");
    check(set_descriptor(table.words[2], kTrapGate) < 0, "a gate");

    // A page that is not mapped: the fault is at the guest's address of the table.
    same(set_ldt(kFreeRange, 512), 0, "an LDT nobody has mapped");
    const Trap missing = load(local(1));
    same(missing.vector, kPageFault, "its use");
    same(missing.address, kFreeRange + 8, "names where the descriptor would be");
    check(set_ldt(address, 8193) < 0, "too long");
    check(set_ldt(address + 8, 16) < 0, "not on a page");
    check(set_ldt(0xffff830000000000, 16) < 0, "in the hypervisor's memory");
    same(set_ldt(0, 0), 0, "none");
    same(load(local(1)).vector, kProtection, "without LDT");
    same(map(table, kReadWrite), 0, "data again");
}

} // namespace

void test()
{
    check_gdt();
    check_ldt();
}

} // namespace zocalo::guest
