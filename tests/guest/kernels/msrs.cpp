// SPDX-License-Identifier: Apache-2.0
// Model-specific registers and the machine-to-physical table: what a guest may read of them tells
// nothing of the hypervisor, and what it writes changes nothing that is not its own. Class: MSR
// leaks (XSA-108 and its kind), access to the machine-to-physical table.
#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/trap.hpp"
#include "tests/guest/lib/verdict.hpp"

#include <xen/version.h>

namespace zocalo::guest {
namespace {

// Intel SDM volume 4; AMD64 volume 2, appendix A.
constexpr std::uint32_t kEfer = 0xc0000080, kStar = 0xc0000081, kLongStar = 0xc0000082;
constexpr std::uint32_t kFlagMask = 0xc0000084, kFsBase = 0xc0000100, kOtherGsBase = 0xc0000102;

struct Range {
    std::uint32_t first, last;
};
constexpr Range kRanges[] = {
    {0, 0x300},               // time stamp, local APIC's base, performance, SYSENTER, MTRRs
    {0x400, 0x480},           // machine checks
    {0x480, 0x4a0},           // VMX
    {0x6e0, 0x6e0},           // the timer's deadline
    {0x800, 0x8ff},           // x2APIC, and what lies behind it
    {0xda0, 0xda0},           // XSS
    {0x40000000, 0x40000020}, // hypervisors' own
    {0xc0000080, 0xc0000084},
    {0xc0000101, 0xc0000104},
    {0xc0010000, 0xc0010140},
    {0xc0011000, 0xc0011040},
};

bool is_hypervisors(std::uint64_t value)
{
    return value >= HYPERVISOR_VIRT_START && value < HYPERVISOR_VIRT_END;
}

bool read(std::uint32_t index, std::uint64_t& value)
{
    std::uint32_t low = 0, high = 0;
    const Trap trap = guarded([&] { asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index)); });
    value = std::uint64_t{high} << 32 | low;
    check(trap.vector == kNoTrap || trap.vector == kProtection, "reading ", hex(index), " trapped");
    return trap.vector == kNoTrap;
}

Trap write(std::uint32_t index, std::uint64_t value)
{
    return guarded([&] {
        asm volatile("wrmsr"
                     :
                     : "c"(index),
                       "a"(static_cast<std::uint32_t>(value)),
                       "d"(static_cast<std::uint32_t>(value >> 32)));
    });
}

void check_reads()
{
    unsigned answered = 0;
    for (const Range& range : kRanges)
        for (std::uint32_t index = range.first; index <= range.last; ++index) {
            std::uint64_t value = 0;
            if (!read(index, value))
                continue;
            ++answered;
            check(!is_hypervisors(value), "register ", hex(index), " is ", hex(value));
        }
    print("registers that answer: ", answered, "\n");
}

// The way into the hypervisor, and what the processor does there, stay the hypervisor's.
void check_writes()
{
    constexpr std::uint64_t kMark = 0x00001234'5678'9000;
    for (const std::uint32_t index :
         {0x1bU,
          0x174U,
          0x175U,
          0x176U,
          0x1d9U,
          0x277U,
          0x2ffU,
          0x830U,
          kEfer,
          kStar,
          kLongStar,
          0xc0000083U,
          kFlagMask,
          0xc0010015U,
          0xc0010117U}) {
        const Trap trap = write(index, kMark);
        check(
            trap.vector == kNoTrap || trap.vector == kProtection, "writing ", hex(index), " trapped"
        );
        check(hypercall(__HYPERVISOR_xen_version, XENVER_version) > 0, "a hypercall after that");
        std::uint64_t now = 0;
        check(
            !read(index, now) || now != kMark || trap.vector == kProtection,
            "register ",
            hex(index),
            " has become what was written"
        );
    }
    same(write(kFsBase, 0x8000'0000'0000).vector, kProtection, "an impossible base of FS");
    same(write(kOtherGsBase, 0x8000'0000'0000).vector, kProtection, "an impossible base of GS");
    same(write(kFsBase, kMark).vector, kNoTrap, "a base of FS");
    std::uint64_t base = 0;
    check(read(kFsBase, base) && base == kMark, "it is there");
}

void check_table()
{
    const Page& page = new_page();
    auto* const table = reinterpret_cast<volatile std::uint64_t*>(MACH2PHYS_VIRT_START);
    const std::uint64_t mfn = mfn_of(&page);
    const std::uint64_t pfn = (reinterpret_cast<std::uint64_t>(&page) - kBase) / kPageSize;
    same(table[mfn], pfn, "our page in the table");
    same(guarded([&] { table[mfn] = 1; }).vector, kPageFault, "writing to the table");
    same(table[mfn], pfn, "our page in the table as before");
    same(update(mfn * kPageSize, pfn + 1, MMU_MACHPHYS_UPDATE), 0, "another number for our page");
    same(table[mfn], pfn + 1, "the other number");
    same(update(mfn * kPageSize, pfn, MMU_MACHPHYS_UPDATE), 0, "the old number again");
}

} // namespace

void test()
{
    check_reads();
    check_writes();
    check_table();
}

} // namespace zocalo::guest
