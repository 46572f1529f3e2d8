// SPDX-License-Identifier: Apache-2.0
#include "common/xen-sys/fake/fake_grant_table.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace zocalo::xen {

Outcome<Unit> FakeGrantTable::copy(std::span<GrantCopy> ops)
{
    if (before_copy)
        before_copy();
    ++calls;
    if (std::exchange(fail_next_copy, false))
        return system_error("grant copy was refused", EFAULT);
    for (GrantCopy& op : ops) {
        const bool to_guest = (op.raw().flags & GNTCOPY_dest_gref) != 0;
        const auto& foreign = to_guest ? op.raw().dest.foreign : op.raw().source.foreign;
        // Linux refuses the whole batch for these, as a mistake of the caller.
        if (foreign.offset + std::size_t{op.raw().len} > kPageSize)
            return system_error("grant copy was refused", EINVAL);
    }
    for (GrantCopy& op : ops)
        op.raw().status = run(op.raw());
    copies += ops.size();
    return Unit{};
}

std::int16_t FakeGrantTable::run(ioctl_gntdev_grant_copy_segment& op)
{
    const bool to_guest = (op.flags & GNTCOPY_dest_gref) != 0;
    const auto foreign = to_guest ? op.dest.foreign : op.source.foreign;
    if (foreign.domid != guest_.value)
        return GNTST_bad_domain;
    const auto found = pages_.find(foreign.ref);
    if (found == pages_.end())
        return GNTST_bad_gntref;
    const auto local = reinterpret_cast<std::uintptr_t>(to_guest ? op.source.virt : op.dest.virt);
    parts += (local % kPageSize + op.len + kPageSize - 1) / kPageSize;
    std::byte* guest = found->second.data() + foreign.offset;
    if (to_guest)
        std::memcpy(guest, op.source.virt, op.len);
    else
        std::memcpy(op.dest.virt, guest, op.len);
    return GNTST_okay;
}

// The memory stays: somebody may have it mapped.
void FakeGrantTable::revoke(std::uint32_t ref)
{
    if (auto node = pages_.extract(ref))
        revoked_.insert(std::move(node));
}

Outcome<std::span<std::byte>>
FakeGrantTable::map_pages(DomId domain, std::span<const GrantRef> refs)
{
    const auto found = rings_.find({refs.begin(), refs.end()});
    if (domain == guest_ && found == rings_.end() && refs.size() == 1 && maps_pages) {
        if (const auto page = pages_.find(refs[0].value); page != pages_.end()) {
            ++mapped;
            return std::span<std::byte>{page->second};
        }
    }
    if (domain != guest_ || found == rings_.end())
        return system_error("cannot map grants", EINVAL);
    ++mapped;
    return found->second;
}

} // namespace zocalo::xen
