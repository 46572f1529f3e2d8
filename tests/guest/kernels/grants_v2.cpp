// SPDX-License-Identifier: Apache-2.0
// The second version of the grant table: entries with a status of their own, and the way there and
// back. Class: grant status (XSA-255: status frames that are still mapped when they go; XSA-379).
#include "tests/guest/lib/grant.hpp"
#include "tests/guest/lib/trap.hpp"

namespace zocalo::guest {
namespace {

constexpr std::int64_t kBusy = -16, kNoCall = -38;
constexpr std::uint16_t kUsed = GTF_reading | GTF_writing;
domid_t self = 0;
Page* table = nullptr;

grant_entry_v1_t& v1(grant_ref_t ref)
{
    return reinterpret_cast<grant_entry_v1_t*>(table)[ref];
}
grant_entry_v2_t& v2(grant_ref_t ref)
{
    return reinterpret_cast<grant_entry_v2_t*>(table)[ref];
}

std::int64_t set_version(std::uint32_t version)
{
    gnttab_set_version args{version};
    return grant_op(GNTTABOP_set_version, &args);
}
std::uint32_t version()
{
    gnttab_get_version args{};
    args.dom = DOMID_SELF;
    same(grant_op(GNTTABOP_get_version, &args), 0, "get_version");
    return args.version;
}

void grant(grant_ref_t ref, const void* page, std::uint16_t flags = GTF_permit_access)
{
    v2(ref).full_page.frame = mfn_of(page);
    v2(ref).full_page.hdr.domid = self;
    asm volatile("" ::: "memory");
    v2(ref).full_page.hdr.flags = flags;
}

// The first status frame, mapped where nothing else is.
volatile grant_status_t* status_page(Page& place)
{
    std::uint64_t frames[1] = {};
    gnttab_get_status_frames args{};
    args.dom = DOMID_SELF;
    args.nr_frames = 1;
    args.frame_list.p = frames;
    same(grant_op(GNTTABOP_get_status_frames, &args), 0, "get_status_frames");
    same(args.status, GNTST_okay, "its status");
    const auto address = reinterpret_cast<std::uint64_t>(&place);
    same(map(address, frames[0] * kPageSize | kReadWrite), 0, "the status frame");
    args.nr_frames = 1000;
    same(grant_op(GNTTABOP_get_status_frames, &args), 0, "more than there are");
    same(args.status, GNTST_general_error, "its status");
    return reinterpret_cast<volatile grant_status_t*>(&place);
}

void check_way_there()
{
    same(version(), 1, "the first version");
    Page& place = new_page();
    v1(4) = {GTF_permit_access, self, static_cast<std::uint32_t>(mfn_of(&place))};
    v1(9) = {GTF_permit_access, self, 1};
    same(set_version(0), kInvalid, "version 0");
    same(set_version(3), kInvalid, "version 3");
    same(version(), 1, "still the first");
    same(set_version(2), 0, "version 2");
    same(version(), 2, "the second");
    same(v2(4).full_page.frame, mfn_of(&place), "an entry of the tools stays");
    same(v2(4).full_page.hdr.flags, GTF_permit_access, "its flags");
    same(v2(9).full_page.hdr.flags, 0, "others are empty");
}

void check_status(volatile grant_status_t* status)
{
    Page &page = new_page(), &place = new_page();
    const auto address = reinterpret_cast<std::uint64_t>(&place);
    grant(8, &page);
    page.words[0] = 0x99;
    const auto first = mapped(address, 8, GNTMAP_host_map, self);
    same(first.status, GNTST_okay, "mapped");
    same(place.words[0], 0x99, "it shows the page");
    same(status[8], kUsed, "the status says so");
    same(v2(8).full_page.hdr.flags, GTF_permit_access, "the entry does not");
    same(set_version(1), kBusy, "back while one is in use");
    same(unmapped(address, first.handle), GNTST_okay, "unmapped");
    same(status[8], 0, "the status says so");
    grant(8, &page, GTF_permit_access | GTF_readonly);
    check(mapped(address, 8, GNTMAP_host_map, self).status < 0, "a read-only grant writable");
    grant(8, &page, GTF_permit_access | GTF_sub_page);
    check(mapped(address, 8, GNTMAP_host_map, self).status < 0, "a part of a page");
    grant(8, &page, GTF_transitive);
    check(mapped(address, 8, GNTMAP_host_map, self).status < 0, "somebody else's grant");
    grant(8, &page);
    v2(8).full_page.frame = 1UL << 40;
    check(mapped(address, 8, GNTMAP_host_map, self).status < 0, "a frame that is not there");
    grant(8, &page, 0);
    same(status[8], 0, "refusals leave no status");
    map(place, kReadWrite);
}

void check_copy(volatile grant_status_t* status)
{
    Page &from = new_page(), &to = new_page();
    grant(10, &from, GTF_permit_access | GTF_readonly);
    from.words[0] = 0x4711;
    gnttab_copy args{};
    args.source.u.ref = 10;
    args.source.domid = self;
    args.dest.u.gmfn = mfn_of(&to);
    args.dest.domid = DOMID_SELF;
    args.len = 8;
    args.flags = GNTCOPY_source_gref;
    same(grant_op(GNTTABOP_copy, &args), 0, "copy");
    same(args.status, GNTST_okay, "its status");
    same(to.words[0], 0x4711, "the word");
    same(status[10], 0, "the grant is free again");
}

void check_way_back(Page& place)
{
    same(set_version(1), kBusy, "back while a status frame is mapped");
    same(version(), 2, "still the second");
    same(map(place, kReadWrite), 0, "the status frame is unmapped");
    same(set_version(1), 0, "back");
    same(version(), 1, "the first version");
    same(v1(4).flags, GTF_permit_access, "an entry of the tools stays");
    same(v1(10).flags, 0, "others are empty");
    gnttab_get_status_frames args{};
    args.dom = DOMID_SELF;
    args.nr_frames = 1;
    same(grant_op(GNTTABOP_get_status_frames, &args), 0, "status of the first version");
    same(args.status, GNTST_general_error, "there is none");
    for (unsigned i = 0; i < 64; ++i)
        same(set_version(i % 2 == 0 ? 2 : 1), 0, "there and back");
}

} // namespace

void test()
{
    self = own_number();
    table = &grant_frame();
    if (set_version(2) == kNoCall)
        return skip("this hypervisor has no second version");
    same(set_version(1), 0, "the first version");
    check_way_there();
    Page& place = new_page();
    volatile grant_status_t* const status = status_page(place);
    check_status(status);
    check_copy(status);
    check_way_back(place);
}

} // namespace zocalo::guest
