// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/mm/memory.hpp"

#include "hypervisor-core/hal/memory.hpp"

namespace zocalo::hv {

void Memory::start(std::span<FrameInfo> frames, std::span<std::uint64_t> m2p)
{
    for (FrameInfo& frame : frames) {
        frame = FrameInfo{};
        frame.owner = kOwnerIo; // until add_free or keep says that it is RAM
    }
    for (std::uint64_t& entry : m2p)
        entry = kNoPfn;
    frames_.assign(frames);
    m2p_ = m2p;
}

void Memory::keep(Mfn first, std::uint64_t count)
{
    for (std::uint64_t i = 0; i < count; ++i) {
        frames_[first + i].owner = kOwnerHypervisor;
        frames_[first + i].refs = 1;
    }
}

Result<Mfn> Memory::allocate(unsigned order)
{
    const auto block = buddy_.allocate(order);
    if (!block)
        return Errno::nomem;
    for (std::uint64_t i = 0; i < std::uint64_t{1} << order; ++i) {
        // A guest that had it before must not reach it any more.
        frames_.flush_since(frames_[*block + i].stamp);
        hal::clear_frame(*block + i);
    }
    keep(*block, std::uint64_t{1} << order);
    return *block;
}

void Memory::free(Mfn first, unsigned order)
{
    buddy_.free(first, order);
}

Result<Mfn> Memory::allocate_for(OwnedFrames& owner, unsigned order, unsigned address_bits)
{
    const std::uint64_t count = std::uint64_t{1} << order;
    if (owner.count + count > owner.limit)
        return Errno::nomem;
    const auto block = buddy_.allocate(order, address_bits);
    if (!block)
        return Errno::nomem;
    for (std::uint64_t i = 0; i < count; ++i) {
        // Whoever had it before must not see it any more through a forgotten translation.
        frames_.flush_since(frames_[*block + i].stamp);
        hal::clear_frame(*block + i);
        frames_.give(*block + i, owner);
    }
    return *block;
}

void Memory::release(Mfn mfn, OwnedFrames& owner)
{
    frames_.take(mfn, owner);
    set_pfn(mfn, kNoPfn);
    put(mfn);
}

Result<Mfn> Memory::lend_to(DomId domain)
{
    const Mfn mfn = TRY(allocate());
    frames_[mfn].owner = domain;
    frames_[mfn].set(FrameInfo::lent);
    return mfn;
}

void Memory::put(Mfn mfn)
{
    if (frames_.put(mfn))
        buddy_.free(mfn, 0);
}

} // namespace zocalo::hv
