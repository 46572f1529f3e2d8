// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/grant/grant_map.hpp"

namespace zocalo::hv {
namespace {

constexpr GrantAccess access_of(const Mapping& mapping)
{
    return mapping.readonly ? GrantAccess::read : GrantAccess::write;
}

constexpr unsigned uses_of(const Mapping& mapping)
{
    return (mapping.host ? 1U : 0U) + (mapping.device ? 1U : 0U);
}

// The level-1 entry that `host_addr` names, by its machine address or by what it maps.
GrantResult<EntryPlace>
place_of(const GrantMapper& mm, const GrantUser& user, std::uint64_t host_addr, bool by_entry)
{
    if (!by_entry) {
        const auto place = mm.tables.find(user.root, host_addr);
        if (!place)
            return GrantStatus::general_error;
        return *place;
    }
    const Mfn table{host_addr >> kPageShift};
    const FrameTable& frames = mm.memory.frames();
    if (host_addr % sizeof(Pte) != 0 || !frames.contains(table))
        return GrantStatus::general_error;
    const FrameInfo& frame = frames[table];
    if (frame.owner != user.id || frame.type != FrameType::l1 || frame.type_refs == 0)
        return GrantStatus::general_error;
    return EntryPlace{table, static_cast<unsigned>(host_addr % kPageSize / sizeof(Pte))};
}

Pte entry_for(Mfn mfn, std::uint32_t flags)
{
    constexpr unsigned kAvailShift = 9; // the bits of an entry that are software's
    constexpr std::uint32_t kAvailBits = 7;
    const std::uint64_t avail = std::uint64_t{(flags >> _GNTMAP_guest_avail0) & kAvailBits}
                                << kAvailShift;
    const std::uint64_t write = (flags & GNTMAP_readonly) != 0 ? 0 : Pte::kWritable | Pte::kDirty;
    return Pte::make(
        mfn, Pte::kPresent | Pte::kUser | Pte::kAccessed | Pte::kNoExecute | avail | write
    );
}

GrantStatus enter(
    const GrantMapper& mm, const GrantUser& user, DomId granter, const MapRequest& request, Mfn mfn
)
{
    const auto place =
        place_of(mm, user, request.host_addr, (request.flags & GNTMAP_contains_pte) != 0);
    if (!place)
        return place.error();
    const MapRights rights{user.id, granter};
    if (!mm.tables.write(*place, entry_for(mfn, request.flags), WriteKind::plain, rights))
        return GrantStatus::general_error;
    return GrantStatus::okay;
}

// Takes the host mapping of `mfn` out, or puts what `new_addr` maps in its place.
GrantStatus leave(
    const GrantMapper& mm,
    const GrantUser& user,
    const UnmapRequest& request,
    Mfn mfn,
    bool by_entry
)
{
    const auto place = place_of(mm, user, request.host_addr, by_entry);
    if (!place)
        return place.error();
    const Pte now = mm.tables.read(*place);
    if (!now.present() || now.mfn() != mfn)
        return GrantStatus::general_error;
    const MapRights rights{user.id, user.id};
    if (request.new_addr == 0) {
        const auto cleared = mm.tables.write(*place, Pte{}, WriteKind::plain, rights);
        return cleared ? GrantStatus::okay : GrantStatus::general_error;
    }
    if (by_entry)
        return GrantStatus::general_error;
    const auto source = mm.tables.find(user.root, request.new_addr);
    if (!source)
        return GrantStatus::general_error;
    if (!mm.tables.write(*place, mm.tables.read(*source), WriteKind::plain, rights) ||
        !mm.tables.write(*source, Pte{}, WriteKind::plain, rights))
        return GrantStatus::general_error;
    return GrantStatus::okay;
}

} // namespace

GrantResult<MapAnswer>
map_grant(const GrantMapper& mm, GrantUser& user, GrantTable& granter, const MapRequest& request)
{
    Mapping mapping;
    mapping.ref = request.ref.value;
    mapping.granter = granter.owner();
    mapping.host = (request.flags & GNTMAP_host_map) != 0;
    mapping.device = (request.flags & GNTMAP_device_map) != 0;
    mapping.readonly = (request.flags & GNTMAP_readonly) != 0;
    mapping.by_entry = (request.flags & GNTMAP_contains_pte) != 0;
    const unsigned uses = uses_of(mapping);
    if (uses == 0)
        return GrantStatus::bad_gntref;

    const GrantAccess access = access_of(mapping);
    unsigned pins = 0;
    GrantStatus status = GrantStatus::okay;
    Mfn mfn{};
    for (; pins < uses && status == GrantStatus::okay; ++pins) {
        const auto pinned = granter.pin(mm.memory, request.ref, user.id, access);
        if (!pinned) {
            status = pinned.error();
            break;
        }
        mfn = *pinned;
    }
    GrantResult<grant_handle_t> handle = GrantStatus::no_space;
    if (status == GrantStatus::okay) {
        handle = user.track.add(mm.memory, mapping);
        status = handle ? GrantStatus::okay : handle.error();
    }
    if (status == GrantStatus::okay && mapping.host) {
        status = enter(mm, user, granter.owner(), request, mfn);
        if (status != GrantStatus::okay)
            user.track.remove(*handle);
    }
    if (status == GrantStatus::okay)
        return MapAnswer{*handle, mapping.device ? mfn.value << kPageShift : 0};
    while (pins-- > 0)
        granter.unpin(mm.memory, request.ref, access);
    return status;
}

GrantResult<Unmapped> begin_unmap(
    const GrantMapper& mm, GrantUser& user, GrantTable& granter, const UnmapRequest& request
)
{
    Mapping* const mapping = user.track.find(request.handle);
    if (mapping == nullptr || uses_of(*mapping) == 0)
        return GrantStatus::bad_handle;
    const Mfn mfn = granter.pinned_frame(GrantRef{mapping->ref});
    Unmapped out{.handle = request.handle};
    const bool device = request.dev_bus_addr != 0 && mapping->device;
    if (device && request.dev_bus_addr >> kPageShift != mfn.value)
        return GrantStatus::bad_dev_addr;
    if (request.host_addr != 0 && mapping->host) {
        const GrantStatus left = leave(mm, user, request, mfn, mapping->by_entry);
        if (left != GrantStatus::okay)
            return left;
        mapping->host = false;
        ++out.uses;
    }
    if (device) {
        mapping->device = false;
        ++out.uses;
    }
    return out;
}

void end_unmap(Memory& memory, MapTrack& track, GrantTable& granter, const Unmapped& unmapped)
{
    const Mapping* const mapping = track.find(unmapped.handle);
    for (unsigned use = 0; use < unmapped.uses; ++use)
        granter.unpin(memory, GrantRef{mapping->ref}, access_of(*mapping));
    if (unmapped.uses != 0 && uses_of(*mapping) == 0)
        track.remove(unmapped.handle);
}

void abandon_mapping(Memory& memory, MapTrack& track, GrantTable& granter, grant_handle_t handle)
{
    Mapping& mapping = *track.find(handle);
    const Unmapped all{handle, uses_of(mapping)};
    mapping.host = mapping.device = false;
    end_unmap(memory, track, granter, all);
}

} // namespace zocalo::hv
