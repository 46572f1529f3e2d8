// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/grant/map_track.hpp"

#include "hypervisor-core/hal/memory.hpp"

#include <algorithm>
#include <new>

namespace zocalo::hv {

void MapTrack::start(unsigned limit)
{
    limit_ = std::min(limit, kMaxFrames);
}

bool MapTrack::add_frame(Memory& memory)
{
    if (frames_ == limit_)
        return false;
    const auto mfn = memory.allocate();
    if (!mfn)
        return false;
    const std::uint32_t first = end();
    tables_[frames_++] = new (hal::frame_bytes(*mfn)) Mapping[kPerFrame];
    for (std::uint32_t i = kPerFrame; i-- > 0;) { // low handles are given out first
        at(first + i).next = free_;
        free_ = first + i;
    }
    return true;
}

GrantResult<grant_handle_t> MapTrack::add(Memory& memory, const Mapping& mapping)
{
    if (free_ == kNone && !add_frame(memory))
        return GrantStatus::no_space;
    const std::uint32_t handle = free_;
    free_ = at(handle).next;
    at(handle) = mapping;
    at(handle).used = true;
    return grant_handle_t{handle};
}

Mapping* MapTrack::find(grant_handle_t handle)
{
    if (handle >= end() || !at(handle).used)
        return nullptr;
    return &at(handle);
}

void MapTrack::remove(grant_handle_t handle)
{
    at(handle) = Mapping{};
    at(handle).next = free_;
    free_ = handle;
}

void MapTrack::release(Memory& memory)
{
    while (frames_ > 0) {
        const auto table = reinterpret_cast<std::uintptr_t>(tables_[--frames_]) - hal::direct_map;
        memory.free(Mfn{table >> kPageShift}, 0);
    }
    free_ = kNone;
}

} // namespace zocalo::hv
