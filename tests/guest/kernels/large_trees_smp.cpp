// SPDX-License-Identifier: Apache-2.0
// Trees of page tables that no hypervisor goes through in one piece: made a root and let go while
// another vCPU of the same domain disturbs them in every way it can. Class: preemption of long
// operations on page tables (XSA-45 and its followers), partially validated tables (XSA-299).
#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/vcpu.hpp"
#include "tests/guest/lib/verdict.hpp"

#include <atomic>

namespace zocalo::guest {
namespace {

constexpr unsigned kLowest = 300;
constexpr unsigned kRounds = 60;

std::array<Page, kLowest> lowest;
Page *root = nullptr, *third = nullptr, *second = nullptr, *data = nullptr;
std::atomic<unsigned> stage{0};
std::atomic<unsigned> disturbed{0};

template <class Function> void for_each_table(Function function)
{
    for (Page* page : {root, third, second})
        function(*page);
    for (Page& page : lowest)
        function(page);
}

void build()
{
    root = &new_page(), third = &new_page(), second = &new_page(), data = &new_page();
    root->words[0] = entry_for(third, kReadWrite);
    third->words[0] = entry_for(second, kReadWrite);
    for (unsigned i = 0; i < kLowest; ++i) {
        lowest[i].words[i] = entry_for(data, kReadWrite);
        second->words[i] = entry_for(&lowest[i], kReadWrite);
    }
    for_each_table([](const Page& page) { same(map(page, kReadOnly), 0, "read-only"); });
}

void pin_and_unpin(unsigned command, const Page& page)
{
    if (mmuext(command, mfn_of(&page)) == 0) {
        disturbed.fetch_add(1);
        mmuext(MMUEXT_UNPIN_TABLE, mfn_of(&page));
    }
}

// Whatever the answers are, the hypervisor lives, and the counts are right at the end. No table is
// tried at a wrong level: Xen marks level-1 entries global, which it refuses in others.
void disturb(unsigned turn)
{
    const Page& page = lowest[turn * 7 % kLowest];
    pin_and_unpin(MMUEXT_PIN_L1_TABLE, page);
    pin_and_unpin(MMUEXT_PIN_L2_TABLE, *second);
    pin_and_unpin(MMUEXT_PIN_L3_TABLE, *third);
    mmuext(MMUEXT_UNPIN_TABLE, mfn_of(root));
    if (map(page, kReadWrite) == 0) // it was no table at that moment
        map(page, kReadOnly);
    const unsigned slot = turn % kLowest;
    update(machine_of(&second->words[slot]), 0);
    update(machine_of(&second->words[slot]), entry_for(&lowest[slot], kReadWrite));
    update(machine_of(&third->words[1]), entry_for(second, kReadWrite));
    update(machine_of(&third->words[1]), 0);
}

void disturber()
{
    stage = 1;
    for (unsigned turn = 0; stage.load() == 1; ++turn)
        disturb(turn);
    stage = 3;
    stop_this_vcpu();
}

// Alone: everything is as one would expect of a small tree.
void check_alone()
{
    same(mmuext(MMUEXT_PIN_L4_TABLE, mfn_of(root)), 0, "pinned");
    for_each_table([](const Page& page) { same(map(page, kReadWrite), kBusy, "a table"); });
    same(mmuext(MMUEXT_PIN_L4_TABLE, mfn_of(root)), kInvalid, "pinned again");
    same(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(root)), 0, "unpinned");
    for_each_table([](const Page& page) {
        same(map(page, kReadWrite), 0, "data");
        map(page, kReadOnly);
    });
}

// The last of its tables holds what is refused: nothing may be left of the others.
void check_refused()
{
    Page& last = lowest[kLowest - 1];
    map(last, kReadWrite);
    last.words[511] = entry_for(root, kReadWrite); // a table, writable
    map(last, kReadOnly);
    check(mmuext(MMUEXT_PIN_L4_TABLE, mfn_of(root)) < 0, "a tree that maps its root writable");
    for_each_table([](const Page& page) {
        same(map(page, kReadWrite), 0, "data after a refusal");
        map(page, kReadOnly);
    });
    map(last, kReadWrite);
    last.words[511] = 0;
    map(last, kReadOnly);
}

void check_together()
{
    same(start_vcpu(disturber), 0, "vCPU 1");
    while (stage.load() == 0)
        yield();
    unsigned pinned = 0;
    for (unsigned round = 0; round < kRounds; ++round)
        if (mmuext(MMUEXT_PIN_L4_TABLE, mfn_of(root)) == 0) {
            ++pinned;
            mmuext(MMUEXT_UNPIN_TABLE, mfn_of(root));
        }
    stage = 2;
    while (stage.load() != 3)
        yield();
    mmuext(MMUEXT_UNPIN_TABLE, mfn_of(root));
    print("pinned ", pinned, " of ", kRounds, " times, disturbed ", disturbed.load(), " times\n");
}

} // namespace

void test()
{
    build();
    check_alone();
    check_refused();
    check_together();
    for (unsigned i = 0; i < kLowest; ++i) // where the other vCPU was interrupted
        same(map(lowest[i], kReadWrite), 0, "data at the end");
    for (Page* page : {root, third, second})
        same(map(*page, kReadWrite), 0, "data at the end");
    for (unsigned i = 0; i < kLowest; ++i)
        second->words[i] = entry_for(&lowest[i], kReadWrite);
    third->words[1] = 0;
    for_each_table([](const Page& page) { map(page, kReadOnly); });
    check_alone();
}

} // namespace zocalo::guest
