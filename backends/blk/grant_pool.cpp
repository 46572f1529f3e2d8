// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/grant_pool.hpp"

#include <algorithm>
#include <bit>

namespace zocalo::blk {

GrantPool::GrantPool(xen::GrantTable& grants, DomId guest, std::size_t most)
    : grants_{grants}, guest_{guest}, places_(std::min<std::size_t>(most, kNone)),
      buckets_(std::bit_ceil(std::max<std::size_t>(2 * places_.size(), 2)), kNone),
      shift_{32u - static_cast<unsigned>(std::bit_width(buckets_.size() - 1))}
{
    for (std::size_t i = places_.size(); i > 0; --i) {
        places_[i - 1].chain = free_;
        free_ = static_cast<std::uint16_t>(i - 1);
    }
}

std::span<std::byte> GrantPool::page(GrantRef ref, Clock::time_point now)
{
    std::uint16_t at = find(ref);
    if (at != kNone) {
        unlink(at);
    } else {
        if (free_ == kNone && oldest_ != kNone)
            drop(oldest_);
        if (free_ == kNone)
            return {};
        auto mapping = grants_.map(guest_, std::span{&ref, 1});
        if (!mapping)
            return {};
        at = free_;
        Place& place = places_[at];
        free_ = place.chain;
        place.ref = ref;
        place.mapping = std::move(*mapping);
        place.chain = bucket(ref);
        bucket(ref) = at;
        ++mapped_;
    }
    to_front(at);
    places_[at].used = now;
    return places_[at].mapping.bytes();
}

std::size_t GrantPool::drop_unused(Clock::time_point then, std::size_t most)
{
    std::size_t dropped = 0;
    for (; dropped < most && oldest_ != kNone && places_[oldest_].used < then; ++dropped)
        drop(oldest_);
    return dropped;
}

std::uint16_t GrantPool::find(GrantRef ref)
{
    std::uint16_t at = bucket(ref);
    while (at != kNone && places_[at].ref != ref)
        at = places_[at].chain;
    return at;
}

void GrantPool::to_front(std::uint16_t at)
{
    Place& place = places_[at];
    place.newer = kNone;
    place.older = newest_;
    if (newest_ != kNone)
        places_[newest_].newer = at;
    newest_ = at;
    if (oldest_ == kNone)
        oldest_ = at;
}

void GrantPool::unlink(std::uint16_t at)
{
    const Place& place = places_[at];
    (place.newer == kNone ? newest_ : places_[place.newer].older) = place.older;
    (place.older == kNone ? oldest_ : places_[place.older].newer) = place.newer;
}

void GrantPool::drop(std::uint16_t at)
{
    Place& place = places_[at];
    unlink(at);
    std::uint16_t* link = &bucket(place.ref);
    while (*link != at)
        link = &places_[*link].chain;
    *link = place.chain;
    place.mapping = xen::GrantMapping{}; // unmaps
    place.chain = free_;
    free_ = at;
    --mapped_;
}

} // namespace zocalo::blk
