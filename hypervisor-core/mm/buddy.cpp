// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/mm/buddy.hpp"

#include <bit>

namespace zocalo::hv {
namespace {

// Marks the first frame of a free block in FrameInfo::flags; no other flag is set on free frames.
constexpr std::uint8_t kFreeBlock = 0x80;

constexpr std::uint64_t frames_in(unsigned order)
{
    return std::uint64_t{1} << order;
}

} // namespace

bool Buddy::is_free_block(std::uint64_t block, unsigned order) const
{
    if (!frames_.contains(Mfn{block + frames_in(order) - 1}))
        return false;
    const FrameInfo& frame = frames_[Mfn{block}];
    return frame.flags == kFreeBlock && frame.type_refs == order;
}

void Buddy::push(std::uint32_t block, unsigned order)
{
    FrameInfo& frame = frames_[Mfn{block}];
    frame.flags = kFreeBlock;
    frame.type_refs = order;
    frame.previous = kNoFrame;
    frame.next = lists_[order];
    if (frame.next != kNoFrame)
        frames_[Mfn{frame.next}].previous = block;
    lists_[order] = block;
}

void Buddy::remove(std::uint32_t block, unsigned order)
{
    FrameInfo& frame = frames_[Mfn{block}];
    if (frame.previous != kNoFrame)
        frames_[Mfn{frame.previous}].next = frame.next;
    else
        lists_[order] = frame.next;
    if (frame.next != kNoFrame)
        frames_[Mfn{frame.next}].previous = frame.previous;
    frame.next = frame.previous = kNoFrame;
    frame.flags = 0;
    frame.type_refs = 0;
}

void Buddy::free(Mfn first, unsigned order)
{
    std::uint64_t block = first.value;
    free_frames_ += frames_in(order);
    for (std::uint64_t i = 0; i < frames_in(order); ++i) {
        FrameInfo& frame = frames_[first + i];
        const std::uint32_t stamp = frame.stamp;
        frame = FrameInfo{};
        frame.stamp = stamp;
    }
    for (; order < kMaxOrder; ++order) {
        const std::uint64_t buddy = block ^ frames_in(order);
        if (!is_free_block(buddy, order))
            break;
        remove(static_cast<std::uint32_t>(buddy), order);
        block &= ~frames_in(order);
    }
    push(static_cast<std::uint32_t>(block), order);
}

void Buddy::free_range(Mfn first, std::uint64_t count)
{
    while (count != 0) {
        const unsigned aligned =
            first.value == 0 ? kMaxOrder : static_cast<unsigned>(std::countr_zero(first.value));
        unsigned order = static_cast<unsigned>(std::bit_width(count)) - 1;
        order = order < aligned ? order : aligned;
        order = order < kMaxOrder ? order : kMaxOrder;
        free(first, order);
        first = first + frames_in(order);
        count -= frames_in(order);
    }
}

std::optional<std::uint32_t>
Buddy::find(unsigned order, unsigned wanted, unsigned address_bits) const
{
    if (lists_[order] == kNoFrame)
        return std::nullopt;
    if (address_bits >= 64)
        return lists_[order];
    const std::uint64_t end =
        address_bits > kPageShift ? std::uint64_t{1} << (address_bits - kPageShift) : 0;
    for (std::uint32_t block = lists_[order]; block != kNoFrame; block = frames_[Mfn{block}].next)
        if (block + frames_in(wanted) <= end)
            return block;
    return std::nullopt;
}

std::optional<Mfn> Buddy::allocate(unsigned wanted, unsigned address_bits)
{
    for (unsigned order = wanted; order <= kMaxOrder; ++order) {
        const auto found = find(order, wanted, address_bits);
        if (!found)
            continue;
        remove(*found, order);
        while (order > wanted) {
            --order;
            push(static_cast<std::uint32_t>(*found + frames_in(order)), order);
        }
        free_frames_ -= frames_in(wanted);
        return Mfn{*found};
    }
    return std::nullopt;
}

unsigned Buddy::largest_order() const
{
    unsigned order = kMaxOrder;
    while (order > 0 && lists_[order] == kNoFrame)
        --order;
    return order;
}

} // namespace zocalo::hv
