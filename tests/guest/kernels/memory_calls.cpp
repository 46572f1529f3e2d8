// SPDX-License-Identifier: Apache-2.0
// Memory given back, taken and exchanged; with pages that are in use, given twice, or not there.
// Class: ballooning and exchange (XSA-212 and its kind).
#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/trap.hpp"
#include "tests/guest/lib/verdict.hpp"

#include <xen/memory.h>

namespace zocalo::guest {
namespace {

std::uint64_t list[8];

std::int64_t reservation(unsigned op, std::uint64_t count, unsigned order = 0)
{
    xen_memory_reservation args{};
    args.extent_start.p = list;
    args.nr_extents = count;
    args.extent_order = order;
    args.domid = DOMID_SELF;
    return hypercall(__HYPERVISOR_memory_op, op, &args);
}

std::int64_t current()
{
    xen_memory_domain args{DOMID_SELF};
    return hypercall(__HYPERVISOR_memory_op, XENMEM_current_reservation, &args);
}

std::int64_t exchange(std::uint64_t in, std::uint64_t out, std::uint64_t done = 0)
{
    xen_memory_exchange args{};
    args.in.extent_start.p = list;
    args.in.nr_extents = in;
    args.in.domid = DOMID_SELF;
    args.out.extent_start.p = list + 4;
    args.out.nr_extents = out;
    args.out.domid = DOMID_SELF;
    args.nr_exchanged = done;
    return hypercall(__HYPERVISOR_memory_op, XENMEM_exchange, &args);
}

// Takes the page out of our tables: nothing maps it any more.
std::uint64_t unmapped(Page& page)
{
    const std::uint64_t mfn = mfn_of(&page);
    same(map(reinterpret_cast<std::uint64_t>(&page), 0), 0, "unmapped");
    return mfn;
}

// Puts a frame there instead, and says so in both translations.
void put(Page& page, std::uint64_t mfn)
{
    const std::uint64_t pfn = (reinterpret_cast<std::uint64_t>(&page) - kBase) / kPageSize;
    same(update(mfn * kPageSize, pfn, MMU_MACHPHYS_UPDATE), 0, "its translation");
    reinterpret_cast<std::uint64_t*>(info->mfn_list)[pfn] = mfn;
    same(map(page, kReadWrite), 0, "mapped");
}

constexpr std::uint64_t kOurs = 0x5ec2e7;

// Xen may give a domain its own page back as it was; nobody else's words may be in it.
void check_holds_nothing_foreign(const Page& page)
{
    check(page.words[0] == 0 || page.words[0] == kOurs, "nothing of anybody else: ", page.words[0]);
}

void check_balloon()
{
    Page& page = new_page();
    page.words[0] = kOurs;
    const std::int64_t before = current();
    list[0] = unmapped(page);
    same(reservation(XENMEM_decrease_reservation, 1), 1, "a page back");
    same(current(), before - 1, "one less");
    same(reservation(XENMEM_decrease_reservation, 1), 0, "the same page again");
    check(
        map(reinterpret_cast<std::uint64_t>(&page), list[0] * kPageSize | kReadOnly) < 0,
        "it is not ours"
    );
    list[0] = (reinterpret_cast<std::uint64_t>(&page) - kBase) / kPageSize;
    same(reservation(XENMEM_populate_physmap, 1), 1, "another for it");
    same(current(), before, "as many as before");
    put(page, list[0]);
    check_holds_nothing_foreign(page);
    list[0] = 0xfee00;
    same(reservation(XENMEM_decrease_reservation, 1), 0, "a page that is not ours");
    list[0] = ~std::uint64_t{0} >> 12;
    same(reservation(XENMEM_decrease_reservation, 1), 0, "a page that is not there");
    same(reservation(XENMEM_increase_reservation, 1, 63), 0, "an order that is absurd");
    same(reservation(XENMEM_increase_reservation, 0), 0, "nothing");
}

void check_exchange()
{
    Page& page = new_page();
    page.words[0] = kOurs;
    const std::int64_t before = current();
    list[4] = (reinterpret_cast<std::uint64_t>(&page) - kBase) / kPageSize;
    list[0] = unmapped(page);
    same(exchange(1, 1), 0, "one for one");
    same(current(), before, "as many as before");
    put(page, list[4]);
    check_holds_nothing_foreign(page);
}

// A page whose exchange was refused is in no defined state on Xen; only the sum is looked at.
void check_refused_exchanges()
{
    Page& page = new_page();
    const std::int64_t before = current();
    list[4] = list[5] = (reinterpret_cast<std::uint64_t>(&page) - kBase) / kPageSize;
    list[0] = list[1] = mfn_of(&page);
    check(exchange(1, 1) < 0, "a page that is mapped");
    unmapped(page);
    check(exchange(1, 2) < 0, "one for two");
    check(exchange(1, 1, ~std::uint64_t{0}) < 0, "more done than there are");
    check(exchange(std::uint64_t{1} << 60, std::uint64_t{1} << 60) < 0, "a count that wraps");
    same(current(), before, "as many as before");
}

// What is left of the page is not defined; that it is freed once only is the host's business.
void check_exchange_of_one_page_twice()
{
    Page& page = new_page();
    const std::uint64_t pfn = (reinterpret_cast<std::uint64_t>(&page) - kBase) / kPageSize;
    list[0] = list[1] = unmapped(page);
    list[4] = list[5] = pfn;
    check(exchange(2, 2) < 0, "a page given twice");
}

void check_arguments()
{
    for (unsigned op = 0; op < 32; ++op) {
        if (op == XENMEM_maximum_ram_page || op == XENMEM_get_sharing_freed_pages ||
            op == XENMEM_get_sharing_shared_pages) // take no argument
            continue;
        const std::int64_t answer = hypercall(__HYPERVISOR_memory_op, op, 0xffff830000000000);
        // Xen says of reservations how many were done: none.
        check(answer <= 0, "operation ", op, " at a wild pointer: ", answer);
    }
    same(hypercall(__HYPERVISOR_memory_op, 63, 0), kNoSuchCall, "no such operation");
    check(hypercall(__HYPERVISOR_memory_op, XENMEM_maximum_ram_page, 0) > 0, "the last frame");
}

} // namespace

void test()
{
    check_balloon();
    check_exchange();
    check_refused_exchanges();
    check_exchange_of_one_page_twice();
    check_arguments();
}

} // namespace zocalo::guest
