// SPDX-License-Identifier: Apache-2.0
// The memory-mapping hypercalls with arguments that make no sense: wild pointers, wrapping sizes,
// frames and domains that are not the caller's, the hypervisor's own range. Class: hypercall
// argument checks.
#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/trap.hpp"
#include "tests/guest/lib/verdict.hpp"

#include <xen/memory.h>

namespace zocalo::guest {
namespace {

constexpr std::uint64_t kWild[] = {
    0x10,
    kFreeRange,
    0x7fffffffffff,
    0x800000000000,
    0xffff7fffffffffff,
    HYPERVISOR_VIRT_START,
    0xffff830000000000,
    HYPERVISOR_VIRT_END - 4,
    ~std::uint64_t{0} - 3};

void check_pointers()
{
    for (const std::uint64_t wild : kWild) {
        same(
            hypercall(__HYPERVISOR_mmu_update, wild, 1, 0, DOMID_SELF), kFault, "mmu_update's list"
        );
        same(hypercall(__HYPERVISOR_mmuext_op, wild, 1, 0, DOMID_SELF), kFault, "mmuext_op's list");
        same(hypercall(__HYPERVISOR_set_gdt, wild, 16), kFault, "set_gdt's list");
        same(hypercall(__HYPERVISOR_multicall, wild, 1), kFault, "multicall's list");
        same(
            hypercall(__HYPERVISOR_memory_op, XENMEM_exchange, wild), kFault, "memory_op's argument"
        );
        same(set_trap_table(reinterpret_cast<const trap_info*>(wild)), kFault, "the trap table");
    }
}

void check_domains()
{
    mmu_update request{0, 0};
    mmuext_op op{};
    op.cmd = MMUEXT_PIN_L1_TABLE;
    for (const std::uint64_t domain : {0UL, 100UL, 0x7ff1UL, 0x7ff2UL, 0x7ff4UL}) {
        check(
            hypercall(__HYPERVISOR_mmu_update, &request, 1, 0, domain) < 0,
            "pages of domain ",
            domain
        );
        check(
            hypercall(__HYPERVISOR_mmuext_op, &op, 1, 0, domain) < 0, "tables of domain ", domain
        );
        check(
            hypercall(__HYPERVISOR_mmu_update, &request, 1, 0, (domain + 1) << 16 | DOMID_SELF) <
                    0 ||
                domain == 0x7ff4,
            "tables in the name of domain ",
            domain
        );
    }
}

void check_frames()
{
    Page& page = new_page();
    const auto here = reinterpret_cast<std::uint64_t>(&page);
    // Frames that are not ours: the first (firmware's), one of a device, one beyond any memory.
    for (const std::uint64_t mfn : {0UL, 0xfee00UL, 0xfec00UL, 0xfffffUL, 1UL << 30, 1UL << 39}) {
        check(map(here, mfn * kPageSize | kReadOnly) < 0, "mapping frame ", hex(mfn));
        check(update(mfn * kPageSize, 0) < 0, "writing an entry in frame ", hex(mfn));
        check(
            update(mfn * kPageSize, 0, MMU_MACHPHYS_UPDATE) < 0, "translation of frame ", hex(mfn)
        );
        check(mmuext(MMUEXT_PIN_L1_TABLE, mfn) < 0, "pinning frame ", hex(mfn));
        check(mmuext(MMUEXT_UNPIN_TABLE, mfn) < 0, "unpinning frame ", hex(mfn));
        check(mmuext(MMUEXT_NEW_BASEPTR, mfn) < 0, "frame ", hex(mfn), " as root");
        check(
            mfn == 0 || mmuext(MMUEXT_NEW_USER_BASEPTR, mfn) < 0,
            "frame ",
            hex(mfn),
            " as user's root"
        );
        check(mmuext(MMUEXT_CLEAR_PAGE, mfn) < 0, "clearing frame ", hex(mfn));
        check(mmuext(MMUEXT_COPY_PAGE, mfn_of(&page), mfn) < 0, "copying frame ", hex(mfn));
    }
    same(map(page, kReadWrite), 0, "the page is still ours");
}

void check_addresses()
{
    const Page& page = new_page();
    for (const std::uint64_t address :
         {HYPERVISOR_VIRT_START + 0UL,
          0xffff82d080000000UL,
          0xffff830000000000UL,
          0x800000000000UL,
          1UL << 63,
          kFreeRange})
        check(map(address, entry_for(&page, kReadOnly)) < 0, "mapping at ", hex(address));
    // The hypervisor's part of the root.
    for (unsigned slot = 256; slot < 272; ++slot)
        check(update(root_mfn() * kPageSize + slot * 8, 0) < 0, "slot ", slot, " of the root");
}

void check_reading()
{
    // Nothing but the machine-to-physical table can be read of the hypervisor.
    for (const std::uint64_t address :
         {0xffff804000000000UL,
          0xffff828000000000UL,
          0xffff82c000000000UL,
          0xffff82d080000000UL,
          0xffff830000000000UL,
          0xffff830000100000UL,
          0xffff87fffffff000UL})
        same(
            guarded([&] { static_cast<void>(*reinterpret_cast<volatile char*>(address)); }).vector,
            kPageFault,
            "reading the hypervisor's memory"
        );
    // Nor be had by making it write there.
    for (const std::uint64_t address : {0xffff830000100000UL, HYPERVISOR_VIRT_START + 0x1000UL})
        same(hypercall(__HYPERVISOR_xen_version, 1, address), kFault, "an answer into its memory");
}

} // namespace

void test()
{
    check_pointers();
    check_domains();
    check_frames();
    check_addresses();
    check_reading();
}

} // namespace zocalo::guest
