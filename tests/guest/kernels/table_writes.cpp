// SPDX-License-Identifier: Apache-2.0
// A kernel may store to its level-1 tables as if they were writable: the hypervisor checks the
// entry and does it. All instructions that kernels use for that, and entries it must refuse.
#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/trap.hpp"
#include "tests/guest/lib/verdict.hpp"

namespace zocalo::guest {
namespace {

volatile std::uint64_t* entry_of(Page& page)
{
    return entry_at(reinterpret_cast<std::uint64_t>(&page), 1);
}

// Xen makes what user space may reach global; whether it does is not the guest's business.
std::uint64_t without_marks(std::uint64_t entry)
{
    constexpr std::uint64_t kGlobal = 0x100;
    return entry & ~(kAccessed | kDirty | kGlobal);
}

void check_forms(Page& page)
{
    volatile std::uint64_t* const entry = entry_of(page);
    const std::uint64_t wanted = entry_for(&page, kReadWrite),
                        read_only = entry_for(&page, kReadOnly);
    *entry = read_only;
    same(without_marks(*entry), without_marks(read_only), "mov");
    std::uint64_t old = wanted;
    asm volatile("xchg %0, %1" : "+r"(old), "+m"(*entry) : : "memory");
    same(without_marks(old), without_marks(read_only), "xchg gives the old entry");
    same(without_marks(*entry), without_marks(wanted), "xchg sets the new one");
    asm volatile("lock andb $0xfd, %0" : "+m"(*reinterpret_cast<volatile std::uint8_t*>(entry)));
    same(without_marks(*entry), without_marks(read_only), "lock andb");
    asm volatile("lock orq %1, %0" : "+m"(*entry) : "r"(kWritable));
    same(without_marks(*entry), without_marks(wanted), "lock orq");
    std::uint64_t rax = *entry;
    std::uint8_t equal_flag;
    asm volatile("lock cmpxchg %3, %1; sete %2"
                 : "+a"(rax), "+m"(*entry), "=q"(equal_flag)
                 : "r"(read_only)
                 : "cc", "memory");
    same(equal_flag, 1, "cmpxchg that meets");
    same(without_marks(*entry), without_marks(read_only), "its entry");
    rax = 1;
    asm volatile("lock cmpxchg %3, %1; sete %2"
                 : "+a"(rax), "+m"(*entry), "=q"(equal_flag)
                 : "r"(wanted)
                 : "cc", "memory");
    same(equal_flag, 0, "cmpxchg that misses");
    same(without_marks(rax), without_marks(read_only), "what it found");
    *entry = 0;
    same(*entry, 0, "cleared");
    mmuext(MMUEXT_INVLPG_LOCAL, reinterpret_cast<std::uint64_t>(&page));
    same(
        guarded([&] {
            page.words[0] = 1;
            asm volatile("" ::: "memory");
        }).vector,
        kPageFault,
        "it is not mapped"
    );
    *entry = wanted;
    page.words[0] = 1;
}

void check_refused(Page& page)
{
    volatile std::uint64_t* const entry = entry_of(page);
    const std::uint64_t before = *entry;
    const std::uint64_t refused[] = {
        root_mfn() * kPageSize | kReadWrite,
        std::uint64_t{1} << 45 | kReadWrite,
        entry_for(entry_at(kBase, 1), kReadWrite)};
    for (const std::uint64_t bad : refused) {
        const Trap trap = guarded([&] { *entry = bad; });
        same(trap.vector, kPageFault, "an entry it may not have");
        same(*entry, before, "the entry stays");
    }
    // Higher levels are for hypercalls only.
    volatile std::uint64_t* const l2 = entry_at(reinterpret_cast<std::uint64_t>(&page), 2);
    same(guarded([&] { *l2 = *l2; }).vector, kPageFault, "a store to a level 2 table");
    // Nor may user space do it.
    const Trap trap = in_user_space(
        [](std::uint64_t at) {
            *reinterpret_cast<volatile std::uint64_t*>(at) = 0;
            leave_user_space(0);
        },
        word(entry)
    );
    same(trap.vector, kPageFault, "a store by user space");
    same(*entry, before, "changes nothing");
}

} // namespace

void test()
{
    same(
        hypercall(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables),
        0,
        "asked for"
    );
    Page& page = new_page();
    check_forms(page);
    check_refused(page);
}

} // namespace zocalo::guest
