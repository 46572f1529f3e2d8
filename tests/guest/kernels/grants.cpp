// SPDX-License-Identifier: Apache-2.0
// Grants from the domain to itself: mapped, copied, taken back, and everything that must not work.
// Class: grant status and reference counts (XSA-224, 227, 234, 316 and their kind).
#include "tests/guest/lib/grant.hpp"
#include "tests/guest/lib/trap.hpp"

namespace zocalo::guest {
namespace {

grant_entry_v1_t* table = nullptr;
domid_t self = 0;

void grant(grant_ref_t ref, const void* page, std::uint16_t flags = GTF_permit_access)
{
    table[ref].frame = static_cast<std::uint32_t>(mfn_of(page));
    table[ref].domid = self;
    asm volatile("" ::: "memory");
    table[ref].flags = flags;
}

gnttab_map_grant_ref mapped(std::uint64_t address, grant_ref_t ref, std::uint32_t flags)
{
    return guest::mapped(address, ref, flags, self);
}

void check_mapping()
{
    Page &page = new_page(), &place = new_page();
    const auto address = reinterpret_cast<std::uint64_t>(&place);
    grant(8, &page);
    page.words[0] = 0x77;
    const auto first = mapped(address, 8, GNTMAP_host_map);
    same(first.status, GNTST_okay, "mapped");
    same(place.words[0], 0x77, "it shows the page");
    same(
        table[8].flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing, "the entry says so"
    );
    place.words[1] = 5;
    asm volatile("" ::: "memory");
    same(page.words[1], 5, "writing goes through");
    same(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(&page)), kInvalid, "a page others write to as a table");
    same(unmapped(address, first.handle), GNTST_okay, "unmapped");
    same(unmapped(address, first.handle), GNTST_bad_handle, "unmapped twice");
    same(table[8].flags & (GTF_reading | GTF_writing), 0, "the entry says so");
    same(
        guarded([&] {
            place.words[0] = 1;
            asm volatile("" ::: "memory");
        }).vector,
        kPageFault,
        "gone"
    );

    // Read-only, by the address of the entry.
    const std::uint64_t entry = machine_of(entry_at(address, 1));
    const auto read = mapped(entry, 8, GNTMAP_host_map | GNTMAP_contains_pte | GNTMAP_readonly);
    same(read.status, GNTST_okay, "mapped read-only, by its entry");
    same(place.words[0], 0x77, "it shows the page");
    same(
        guarded([&] {
            place.words[0] = 1;
            asm volatile("" ::: "memory");
        }).vector,
        kPageFault,
        "read-only"
    );
    same(unmapped(entry, read.handle), GNTST_okay, "unmapped");
    check(
        mapped(entry + 2, 8, GNTMAP_host_map | GNTMAP_contains_pte).status < 0, "a misaligned entry"
    );

    // Device and host mapping end one by one.
    const auto both = mapped(address, 8, GNTMAP_host_map | GNTMAP_device_map);
    same(both.status, GNTST_okay, "mapped for a device as well");
    same(unmapped(address, both.handle), GNTST_okay, "the host's ends");
    same(unmapped(0, both.handle, machine_of(&page)), GNTST_okay, "the device's ends");
    map(place, kReadWrite);
    grant(8, &page, 0);
}

void check_refusals()
{
    Page &page = new_page(), &place = new_page();
    const auto address = reinterpret_cast<std::uint64_t>(&place);
    check(mapped(address, 9, GNTMAP_host_map).status < 0, "an entry that grants nothing");
    same(mapped(address, 0x10000, GNTMAP_host_map).status, GNTST_bad_gntref, "no such entry");
    grant(9, &page, GTF_permit_access | GTF_readonly);
    check(mapped(address, 9, GNTMAP_host_map).status < 0, "a read-only grant writable");
    table[9].domid = 0;
    check(
        mapped(address, 9, GNTMAP_host_map | GNTMAP_readonly).status < 0, "somebody else's grant"
    );
    grant(9, &page);
    table[9].frame = 0;
    check(mapped(address, 9, GNTMAP_host_map).status < 0, "a frame that is not ours");
    table[9].frame = 0xffffffff;
    check(mapped(address, 9, GNTMAP_host_map).status < 0, "a frame that is not there");
    table[9].frame = static_cast<std::uint32_t>(root_mfn());
    check(mapped(address, 9, GNTMAP_host_map).status < 0, "a page table writable");
    grant(9, &page);
    for (const std::uint64_t bad : {0xffff830000000000UL, 1UL << 63, kFreeRange})
        check(mapped(bad, 9, GNTMAP_host_map).status < 0, "at an address that is not the kernel's");
    gnttab_map_grant_ref nobody{};
    nobody.dom = 999;
    nobody.flags = GNTMAP_host_map;
    same(grant_op(GNTTABOP_map_grant_ref, &nobody), 0, "a domain that is not there");
    same(nobody.status, GNTST_bad_domain, "its status");
    same(
        grant_op(GNTTABOP_map_grant_ref, reinterpret_cast<void*>(0xffff830000000000)),
        kFault,
        "a wild pointer"
    );
    check(grant_op(GNTTABOP_map_grant_ref, &nobody, 0xffffffff) < 0, "a count that is negative");
    same(grant_op(GNTTABOP_map_grant_ref, &nobody, 0), 0, "no items");
    same(unmapped(address, 12345), GNTST_bad_handle, "no such handle");
    same(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(&page)), kInvalid, "the page is still writable");
    same(map(page, kReadOnly), 0, "read-only");
    same(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(&page)), 0, "nothing else holds it");
    check(mapped(address, 9, GNTMAP_host_map).status < 0, "a page that became a table, writable");
    same(mmuext(MMUEXT_UNPIN_TABLE, mfn_of(&page)), 0, "unpinned");
    map(page, kReadWrite);
    grant(9, &page, 0);
}

void check_copy()
{
    Page &from = new_page(), &to = new_page();
    grant(10, &from, GTF_permit_access | GTF_readonly);
    from.words[1] = 0x1122334455667788;
    gnttab_copy args{};
    args.source.u.ref = 10;
    args.source.domid = self;
    args.source.offset = 8;
    args.dest.u.gmfn = mfn_of(&to);
    args.dest.domid = DOMID_SELF;
    args.dest.offset = 16;
    args.len = 8;
    args.flags = GNTCOPY_source_gref;
    same(grant_op(GNTTABOP_copy, &args), 0, "copy");
    same(args.status, GNTST_okay, "its status");
    same(to.words[2], 0x1122334455667788, "the words");
    args.len = 4096;
    grant_op(GNTTABOP_copy, &args);
    same(args.status, GNTST_bad_copy_arg, "across the end of a page");
    args.len = 8;
    args.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref;
    args.dest.u.ref = 10;
    args.dest.domid = self;
    grant_op(GNTTABOP_copy, &args);
    check(args.status < 0, "into a read-only grant");
    args.flags = GNTCOPY_source_gref;
    args.dest.domid = DOMID_SELF;
    args.dest.u.gmfn = root_mfn();
    grant_op(GNTTABOP_copy, &args);
    check(args.status < 0, "into a page table");
    args.dest.u.gmfn = 0xfee00;
    grant_op(GNTTABOP_copy, &args);
    check(args.status < 0, "into a device");
    same(table[10].flags & (GTF_reading | GTF_writing), 0, "the grant is free again");
}

} // namespace

void test()
{
    table = reinterpret_cast<grant_entry_v1_t*>(&grant_frame());
    self = own_number();
    check_mapping();
    check_refusals();
    check_copy();
}

} // namespace zocalo::guest
