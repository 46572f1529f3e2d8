// SPDX-License-Identifier: Apache-2.0
// GNTTABOP_set_version: a table in the layout of the other version.
#include "hypervisor-core/grant/grant_table.hpp"
#include "hypervisor-core/hal/memory.hpp"

#include <cstring>
#include <limits>

namespace zocalo::hv {
namespace {

constexpr std::uint16_t kStatusBits = GTF_reading | GTF_writing;

} // namespace

// An entry of the tools (console, xenstore) may be in use: its status goes along.
Result<GrantTable::Carried> GrantTable::carry(GrantRef ref, unsigned version) const
{
    if (version_ == 1) {
        const grant_entry_v1_t from = entry_v1(ref);
        return Carried{from.flags, from.domid, from.frame};
    }
    const grant_entry_v2_t from = entry_v2(ref);
    const std::uint16_t type = from.hdr.flags & GTF_type_mask;
    if (type == GTF_invalid)
        return Carried{};
    const bool has_words = type == GTF_permit_access &&
                           (from.hdr.flags & (GTF_sub_page | kStatusBits)) == 0 &&
                           from.full_page.frame <= std::numeric_limits<std::uint32_t>::max();
    if (version == 1 && !has_words)
        return Errno::inval;
    const auto flags = static_cast<std::uint16_t>(from.hdr.flags | (status_of(ref) & kStatusBits));
    return Carried{flags, from.hdr.domid, from.full_page.frame};
}

void GrantTable::put_carried(GrantRef ref, const Carried& carried)
{
    if (version_ == 1) {
        entry_v1(ref) = {carried.flags, carried.peer, static_cast<std::uint32_t>(carried.frame)};
        return;
    }
    status_of(ref) = carried.flags & kStatusBits;
    grant_entry_v2_t to{};
    to.full_page.hdr.flags = carried.flags & static_cast<std::uint16_t>(~kStatusBits);
    to.full_page.hdr.domid = carried.peer;
    to.full_page.frame = carried.frame;
    entry_v2(ref) = to;
}

Result<Unit> GrantTable::lend_status(Memory& memory, unsigned frames)
{
    while (status_count_ < frames) {
        status_[status_count_] = TRY(memory.lend_to(owner_));
        ++status_count_;
    }
    return Unit{};
}

// Advisory class "grant status" (XSA-255): a status frame that the owner maps must not become free.
Result<Unit> GrantTable::take_status_back(Memory& memory)
{
    for (unsigned i = 0; i < status_count_; ++i)
        if (memory.frames()[status_[i]].refs != 1)
            return Errno::busy;
    while (status_count_ > 0)
        memory.put(status_[--status_count_]);
    return Unit{};
}

Result<Unit> GrantTable::set_version(Memory& memory, unsigned version)
{
    if (version == 0 || version > kNewest)
        return Errno::inval;
    if (version > newest_)
        return Errno::nosys;
    if (version == version_)
        return Unit{};
    std::array<Carried, kReserved> kept{};
    std::uint32_t used = 0;
    for (unsigned i = 0; i < kReserved && count_ > 0; ++i) {
        used += active(GrantRef{i}).readers + active(GrantRef{i}).writers != 0 ? 1U : 0U;
        kept[i] = TRY(carry(GrantRef{i}, version));
    }
    if (used != in_use_)
        return Errno::busy;
    TRY(version == 1 ? take_status_back(memory) : lend_status(memory, status_needed(count_)));
    version_ = version;
    for (unsigned i = 0; i < count_; ++i)
        std::memset(hal::frame_bytes(shared_[i]), 0, kPageSize);
    for (unsigned i = 0; i < kReserved && count_ > 0; ++i)
        put_carried(GrantRef{i}, kept[i]);
    return Unit{};
}

} // namespace zocalo::hv
