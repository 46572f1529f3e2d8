// SPDX-License-Identifier: Apache-2.0
// A page is data, a table of one level, or descriptors: every change from one to the other, and
// every attempt to have two at once. Class: page-table validation.
#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/trap.hpp"
#include "tests/guest/lib/verdict.hpp"

namespace zocalo::guest {
namespace {

constexpr unsigned kPins[] = {
    MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE};

void check_levels(Page& page)
{
    const std::uint64_t mfn = mfn_of(&page);
    for (unsigned level = 1; level <= 4; ++level) {
        same(map(page, kReadWrite), 0, "writable");
        same(mmuext(kPins[level - 1], mfn), kInvalid, "a writable page as a table");
        same(map(page, kReadOnly), 0, "read-only");
        same(mmuext(kPins[level - 1], mfn), 0, "an empty page as a table");
        same(map(page, kReadWrite), kBusy, "a table writable");
        for (unsigned other = 1; other <= 4; ++other)
            same(mmuext(kPins[other - 1], mfn), kInvalid, "pinned again");
        same(mmuext(MMUEXT_UNPIN_TABLE, mfn), 0, "unpinned");
        same(mmuext(MMUEXT_UNPIN_TABLE, mfn), kInvalid, "unpinned again");
    }
    same(map(page, kReadWrite), 0, "writable again");
}

void check_contents(Page& page, const Page& data)
{
    struct Case {
        std::uint64_t entry;
        const char* what;
    };
    const std::uint64_t beyond = std::uint64_t{1} << 40; // a frame no machine of ours has
    const Case cases[] = {
        {entry_for(&data, kReadWrite | kLarge), "a large page"},
        {entry_for(&page, kReadWrite), "itself, writable"},
        {beyond * kPageSize | kReadOnly, "a frame that is not there"},
        {info->shared_info | kReadWrite, "the shared page as a table"}};
    for (const Case& one : cases)
        for (unsigned level = 2; level <= 4; ++level) {
            page.words[5] = one.entry;
            map(page, kReadOnly);
            const std::int64_t answer = mmuext(kPins[level - 1], mfn_of(&page));
            check(answer < 0, "level ", level, " with ", one.what, ": ", answer);
            same(map(page, kReadWrite), 0, "it stays data");
            page.words[5] = 0;
        }
    // What level 1 may hold: own pages in any way, but no tables writable.
    page.words[5] = entry_for(entry_at(kBase, 1), kReadWrite);
    map(page, kReadOnly);
    check(
        mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(&page)) < 0, "a level 1 table that maps a table writable"
    );
    map(page, kReadWrite);
    page.words[5] = entry_for(&data, kReadWrite);
    map(page, kReadOnly);
    same(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(&page)), 0, "a level 1 table that maps data");
    same(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(&data)), kInvalid, "that data is in use as writable");
    same(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(&page)), 0, "unpinned");
    map(page, kReadWrite);
    page.words[5] = 0;
}

// A tree of our own, used, changed while used, and taken down.
void check_tree()
{
    Page &l3 = new_page(), &l2 = new_page(), &l1 = new_page(), &data = new_page();
    l3.words[0] = entry_for(&l2, kReadWrite);
    l2.words[0] = entry_for(&l1, kReadWrite);
    l1.words[0] = entry_for(&data, kReadWrite);
    data.words[0] = 0x1234;
    const std::uint64_t root_entry = root_mfn() * kPageSize + (kFreeRange >> 39) * 8;
    check(update(root_entry, entry_for(&l3, kReadWrite)) < 0, "tables that are still writable");
    for (Page* page : {&l3, &l2, &l1})
        same(map(*page, kReadOnly), 0, "read-only");
    same(update(root_entry, entry_for(&l3, kReadWrite)), 0, "hooked in");
    same(*reinterpret_cast<std::uint64_t*>(kFreeRange), 0x1234, "the new range shows the data");
    same(map(l1, kReadWrite), kBusy, "a table in use");
    same(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(&l3)), kInvalid, "a level 3 table as level 1");
    same(update(machine_of(&l1.words[0]), entry_for(&l1, kReadWrite)), kBusy, "a table writable");
    same(update(machine_of(&l1.words[0]), entry_for(&l1, kReadOnly)), 0, "a table read-only");
    same(update(root_entry, 0), 0, "taken out");
    for (Page* page : {&l3, &l2, &l1})
        same(map(*page, kReadWrite), 0, "data again");
}

// The class of XSA-182: linear tables.
void check_linear()
{
    const std::uint64_t place = root_mfn() * kPageSize + (kFreeRange >> 39) * 8;
    const std::int64_t linear = update(place, root_mfn() * kPageSize | kReadOnly);
    if (linear != 0) {
        same(linear, kInvalid, "a linear table refused");
        return;
    }
    check(update(place, root_mfn() * kPageSize | kReadWrite) < 0, "a linear table writable");
    const std::uint64_t slot = kFreeRange >> 39;
    auto* const self = reinterpret_cast<volatile std::uint64_t*>(
        std::uint64_t{slot} << 39 | slot << 30 | slot << 21 | slot << 12
    );
    same(self[slot] & kFrameMask, root_mfn() * kPageSize, "it shows the root");
    same(guarded([&] { self[0] = 0; }).vector, kPageFault, "writing to it");
    same(update(place, 0), 0, "taken out");
}

} // namespace

void test()
{
    check_levels(new_page()); // as a root it has got the hypervisor's entries
    check_contents(new_page(), new_page());
    check_tree();
    check_linear();
}

} // namespace zocalo::guest
