// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/mm/frame_table.hpp"

namespace zocalo::hv {
void FrameTable::flush_since(std::uint32_t stamp)
{
    if (const CpuMask stale = clock_.stale(stamp, holders()); stale != 0)
        hal::flush_tlb(stale);
}

void FrameTable::change_type(FrameInfo& frame, FrameType type)
{
    if (frame.type != type && frame.type != FrameType::none)
        flush_since(frame.stamp);
    frame.type = type;
    frame.type_refs = 1;
}

Result<Unit> FrameTable::begin_type(Mfn mfn, FrameType type)
{
    FrameInfo& frame = frames_[mfn.value];
    // The hypervisor's own pages that guests see are never theirs to turn into tables.
    if (frame.type_refs != 0 || frame.has(FrameInfo::lent))
        return Errno::inval;
    change_type(frame, type);
    return Unit{};
}

void FrameTable::give(Mfn mfn, OwnedFrames& to)
{
    FrameInfo& frame = frames_[mfn.value];
    frame.refs = 1;
    frame.type_refs = 0;
    frame.type = FrameType::none;
    frame.owner = to.owner;
    frame.flags = FrameInfo::allocated;
    frame.previous = kNoFrame;
    frame.next = to.first;
    if (to.first != kNoFrame)
        frames_[to.first].previous = static_cast<std::uint32_t>(mfn.value);
    to.first = static_cast<std::uint32_t>(mfn.value);
    ++to.count;
}

void FrameTable::take(Mfn mfn, OwnedFrames& from)
{
    FrameInfo& frame = frames_[mfn.value];
    if (frame.previous != kNoFrame)
        frames_[frame.previous].next = frame.next;
    else
        from.first = frame.next;
    if (frame.next != kNoFrame)
        frames_[frame.next].previous = frame.previous;
    frame.next = frame.previous = kNoFrame;
    frame.clear(FrameInfo::allocated);
    --from.count;
}

} // namespace zocalo::hv
