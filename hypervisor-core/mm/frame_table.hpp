// SPDX-License-Identifier: Apache-2.0
// FrameTable: who owns each machine frame, how often it is used, and as what. The invariant all of
// mm/ exists for is kept by these counts:
//
//   No guest ever has a writable mapping of a page table or descriptor page, nor a mapping of a
//   frame it does not own or was not granted.
//
// A writable mapping holds a reference of type `writable`; a page table in use holds one of its own
// type; a frame has one type at a time. audit.hpp recounts everything in debug builds. The table
// knows frames only: what page tables contain is page_tables.hpp's. All calls run under the system
// lock.
#pragma once

#include "common/base/result.hpp"
#include "hypervisor-core/mm/frame_info.hpp"
#include "hypervisor-core/mm/tlb_clock.hpp"

#include <span>

namespace zocalo::hv {

// The frames of one domain, as a list through the frame table.
struct OwnedFrames {
    DomId owner{};
    std::uint32_t first{kNoFrame};
    std::uint64_t count{};
    std::uint64_t limit{}; // XEN_DOMCTL_max_mem
};

class FrameTable {
  public:
    void assign(std::span<FrameInfo> frames) { frames_ = frames; }

    std::uint64_t size() const { return frames_.size(); }
    bool contains(Mfn mfn) const { return mfn.value < frames_.size(); }
    // Only for a frame that is contained.
    FrameInfo& operator[](Mfn mfn) { return frames_[mfn.value]; }
    const FrameInfo& operator[](Mfn mfn) const { return frames_[mfn.value]; }
    bool is_ram(Mfn mfn) const { return contains(mfn) && frames_[mfn.value].owner != kOwnerIo; }

    // A reference keeps the frame from being freed. inval when `owner` does not own it. This one
    // and its like are a few instructions each and run for every page-table entry: hence inline.
    Result<Unit> get(Mfn mfn, DomId owner)
    {
        if (!contains(mfn))
            return Errno::inval;
        FrameInfo& frame = frames_[mfn.value];
        if (frame.owner != owner || frame.refs == 0)
            return Errno::inval;
        if (frame.refs == kMaxRefs)
            return Errno::busy;
        ++frame.refs;
        return Unit{};
    }
    // True when that was the last one: the caller frees the frame (Memory::release).
    [[nodiscard]] bool put(Mfn mfn)
    {
        FrameInfo& frame = frames_[mfn.value];
        if (--frame.refs != 0)
            return false;
        frame.stamp = clock_.stamp();
        return true;
    }

    // One more use of the frame as writable; busy while it is a page table or descriptor page.
    Result<Unit> get_writable(Mfn mfn)
    {
        FrameInfo& frame = frames_[mfn.value];
        if (frame.type_refs != 0)
            return share_type(mfn, FrameType::writable);
        if (frame.type == FrameType::writable)
            frame.type_refs = 1; // nothing else was cached of it
        else
            change_type(frame, FrameType::writable);
        return Unit{};
    }
    void put_writable(Mfn mfn) { static_cast<void>(put_type(mfn)); }

    // Makes an unused frame a table or descriptor page with one use: the caller validates its
    // content while nobody can make it anything else, and takes the use back if that fails. inval
    // while it is used as anything.
    Result<Unit> begin_type(Mfn mfn, FrameType type);
    // One more use of a frame that has this type already; busy when it has another.
    Result<Unit> share_type(Mfn mfn, FrameType type)
    {
        FrameInfo& frame = frames_[mfn.value];
        if (frame.type_refs == 0 || frame.type != type || frame.type_refs == kMaxRefs)
            return Errno::busy;
        ++frame.type_refs;
        return Unit{};
    }
    // True when that was the last use: the content is the guest's to change from now on.
    bool put_type(Mfn mfn)
    {
        FrameInfo& frame = frames_[mfn.value];
        if (--frame.type_refs != 0)
            return false;
        frame.stamp = clock_.stamp();
        return true;
    }

    // Gives a frame fresh from the allocator to a domain: one reference, first in its list.
    void give(Mfn mfn, OwnedFrames& to);
    // Takes it out of the owner's list; its allocation reference is the caller's to put.
    void take(Mfn mfn, OwnedFrames& from);

    // Processors that run guests, and so may hold translations.
    void set_online(CpuMask cpus) { online_ = cpus; }
    // A processor that idles in the hypervisor's own address space holds none meanwhile: it need
    // not be asked to forget any, which would only wake it.
    void set_resting(unsigned cpu, bool rests)
    {
        const CpuMask mine = CpuMask{1} << cpu;
        resting_ = rests ? resting_ | mine : resting_ & ~mine;
    }
    // Those that may hold translations now.
    CpuMask holders() const { return online_ & ~resting_; }
    TlbClock& clock() { return clock_; }
    // Flushes where a translation dropped at `stamp` may still be cached.
    void flush_since(std::uint32_t stamp);

  private:
    // Far from wrapping, and far from anything a sane guest needs.
    static constexpr std::uint32_t kMaxRefs = 0x7fffffff;

    // First use as `type`: what was cached of its last life (as a page table, or writable) must go.
    void change_type(FrameInfo& frame, FrameType type);

    CpuMask online_{1};
    CpuMask resting_{};
    std::span<FrameInfo> frames_;
    TlbClock clock_;
};

} // namespace zocalo::hv
