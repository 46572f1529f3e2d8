// SPDX-License-Identifier: Apache-2.0
#include "backends/net/rx_queue.hpp"

#include "common/backend-ctl/messages.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace zocalo::net {
namespace {

constexpr std::size_t kSlotBytes = 4096; // a request grants one page
constexpr std::size_t kBatchFrames = 64;
constexpr std::size_t kBatchSlots = 256; // the whole ring
// Each frame begins a page of its own; behind the last that a batch takes there is room for the
// longest.
constexpr std::size_t kFrameRoom = kMaxTapFrame + Arena::kPage;
constexpr std::size_t kMostExtras = 3; // segmentation, hash, headroom
constexpr std::size_t kLeastRoom = kSlotBytes - backend::kMaxHeadroom;
constexpr std::size_t kMostSlots = (kMaxTapFrame + kLeastRoom - 1) / kLeastRoom + kMostExtras;
// Linux's include/xen/interface/io/netif.h; the header of Xen 4.17 does not have it. Its body
// begins with the number of bytes, 16 bits.
constexpr std::uint8_t kExtraTypeXdp = 5;
static_assert(Arena::kPages >= kBatchFrames + kFrameRoom / Arena::kPage + 2);
static_assert(Arena::kPages * Arena::kPage >= 2 * kFrameRoom && kBatchSlots >= kMostSlots);

// Frames that come one by one cost a read each that finds nothing. After one such, this many times
// a single frame is taken for all there is; waiting for the tap finds out if it was not.
constexpr unsigned kTrustedAlone = 3;

constexpr char kImpossible[] = "the receive ring's producer index is impossible";

netif_extra_info extra_info(const Gso& gso)
{
    netif_extra_info extra{};
    extra.type = XEN_NETIF_EXTRA_TYPE_GSO;
    extra.u.gso.size = gso.size;
    extra.u.gso.type = gso.v6 ? XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4;
    return extra;
}

netif_extra_info extra_info(const FlowHash& hash)
{
    netif_extra_info extra{};
    extra.type = XEN_NETIF_EXTRA_TYPE_HASH;
    extra.u.hash.type = hash.type;
    extra.u.hash.algorithm = XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ;
    for (unsigned i = 0; i < sizeof extra.u.hash.value; ++i)
        extra.u.hash.value[i] = static_cast<std::uint8_t>(hash.value >> (8 * i));
    return extra;
}

netif_extra_info extra_info(std::uint16_t headroom)
{
    netif_extra_info extra{};
    extra.type = kExtraTypeXdp;
    std::memcpy(&extra.u, &headroom, sizeof headroom);
    return extra;
}

} // namespace

RxQueue::RxQueue(
    RxRing& ring,
    DomId guest,
    const GuestOffloads& offloads,
    xen::GrantTable& grants,
    Arena& arena,
    Tap& tap,
    const MulticastFilter* multicast,
    const Steering* steering
)
    : home_{ring}, guest_{guest}, offloads_{offloads}, grants_{grants}, arena_{arena}, tap_{tap},
      multicast_{multicast}, steering_{steering}, held_bytes_(kMaxTapFrame)
{
    batch_.reserve(kBatchFrames);
    slots_.reserve(kBatchSlots);
    ops_.reserve(kBatchSlots);
}

RxQueue::Round RxQueue::serve()
{
    if (waits_ != nullptr)
        std::exchange(waits_, nullptr)->forget(home_.number());
    start_batch();
    Round round{.after = gather()};
    if (round.after == After::broken)
        return round;
    const bool copied = ops_.empty() || grants_.copy(ops_).has_value();
    for (const Frame& frame : batch_)
        answer(frame, copied);
    if (!batch_.empty())
        publish(round);
    if (round.after == After::waiting)
        wait(round);
    return round;
}

void RxQueue::publish(Round& round)
{
    round.notify = home_.publish();
    if (steering_ == nullptr)
        return;
    for (RxRing* ring : steering_->rings())
        if (ring != &home_ && ring->publish())
            round.others |= 1u << ring->number();
}

void RxQueue::wait(Round& round)
{
    waits_ = held_ ? held_->ring : &home_;
    if (waits_->await(home_.number(), held_ ? held_->slots : std::uint16_t{1}))
        round.after = After::more;
}

void RxQueue::start_batch()
{
    batch_.clear();
    slots_.clear();
    ops_.clear();
    used_ = 0;
    if (held_) {
        held_->at = 0;
        std::memcpy(arena_.part(0, held_->length).data(), held_bytes_.data(), held_->length);
        used_ = held_->length;
    }
}

RxQueue::After RxQueue::gather()
{
    if (!home_.sane()) {
        fault_ = kImpossible;
        return After::broken;
    }
    // Counted by frames looked at, so that frames nobody can take do not keep others waiting.
    for (std::size_t looked = 0; looked < kBatchFrames; ++looked) {
        if (slots_.size() + kMostSlots > kBatchSlots || arena_.size() - used_ < kFrameRoom)
            break;
        Frame frame;
        if (held_) {
            alone_ = 0;
            frame = *held_;
            place(frame); // the headroom may be another by now, or the hash
        } else if (!steers() && home_.pending() == 0) {
            return After::waiting;
        } else {
            if (batch_.size() == 1 && alone_ != 0) {
                --alone_;
                return After::idle;
            }
            const Got got = read_frame(frame);
            if (got == Got::empty) {
                alone_ = batch_.size() == 1 ? kTrustedAlone : 0;
                return After::idle;
            }
            if (got == Got::lost)
                return After::tap_lost;
            if (got == Got::dropped)
                continue;
        }
        if (frame.ring->pending() < frame.slots) {
            hold(frame);
            if (frame.ring->sane())
                return After::waiting;
            fault_ = kImpossible;
            return After::broken;
        }
        held_.reset();
        if (!fill(frame))
            return After::broken;
    }
    return After::more;
}

// The arena is another queue's when this one's turn has ended.
void RxQueue::hold(const Frame& frame)
{
    if (!held_) // else it is there
        std::ranges::copy(arena_.part(frame.at, frame.length), held_bytes_.begin());
    held_ = frame;
}

RxQueue::Got RxQueue::read_frame(Frame& frame)
{
    std::size_t size = 0;
    const std::size_t at = Arena::place(used_, sizeof(TapHeader));
    const auto room = arena_.part(at, kMaxTapFrame);
    switch (tap_.read(room, size)) {
    case Tap::Read::empty:
        return Got::empty;
    case Tap::Read::failed:
        return Got::lost;
    case Tap::Read::frame:
        break;
    }
    const std::size_t length = size - std::min(size, sizeof(TapHeader));
    const auto data = room.subspan(sizeof(TapHeader), length);
    if (multicast_ != nullptr && !multicast_->passes(data)) {
        ++stats_.filtered;
        return Got::dropped;
    }
    TapHeader header;
    std::memcpy(&header, room.data(), sizeof header);
    const auto how = to_guest(header, data, offloads_);
    const bool one_slot = length + offloads_.headroom <= kSlotBytes;
    const bool fits = length >= kEthernetHeader && (one_slot || offloads_.scatter_gather);
    if (!how || !fits) {
        ++stats_.dropped;
        return Got::dropped;
    }
    frame.at = static_cast<std::uint32_t>(at + sizeof(TapHeader));
    frame.length = static_cast<std::uint32_t>(length);
    frame.how = *how;
    place(frame);
    used_ = frame.at + length;
    return Got::frame;
}

// On which ring it goes, and in how many slots.
void RxQueue::place(Frame& frame) const
{
    frame.ring = &home_;
    frame.hash.reset();
    if (steers())
        frame.hash = steering_->settings.hash(arena_.part(frame.at, frame.length));
    if (frame.hash)
        frame.ring = &steering_->ring_of(*frame.hash, home_);
    frame.headroom = offloads_.headroom;
    frame.extras = static_cast<std::uint16_t>(
        (frame.how.gso ? 1 : 0) + (frame.hash ? 1 : 0) + (frame.headroom != 0 ? 1 : 0)
    );
    const std::size_t room = kSlotBytes - frame.headroom;
    frame.slots = static_cast<std::uint16_t>((frame.length + room - 1) / room + frame.extras);
}

// Takes the requests that the frame goes to; gather() has seen that they are there.
bool RxQueue::fill(Frame& frame)
{
    frame.first_slot = static_cast<std::uint16_t>(slots_.size());
    std::size_t sent = 0;
    for (unsigned i = 0; i < frame.slots; ++i) {
        netif_rx_request request;
        if (!frame.ring->take(request)) {
            fault_ = kImpossible;
            return false;
        }
        const bool extra = i >= 1 && i <= frame.extras; // between the first slot and the others
        const std::size_t room = kSlotBytes - frame.headroom;
        const std::size_t length = extra ? 0 : std::min(room, frame.length - sent);
        slots_.push_back(
            {request.id,
             static_cast<std::uint16_t>(length),
             static_cast<std::uint16_t>(ops_.size())}
        );
        if (extra)
            continue;
        const auto data = arena_.part(frame.at + sent, length);
        ops_.push_back(xen::GrantCopy::to_guest(
            guest_, GrantRef{request.gref}, frame.headroom, std::as_bytes(data)
        ));
        sent += length;
    }
    frame.ring->frame_taken();
    batch_.push_back(frame);
    return true;
}

void RxQueue::answer(const Frame& frame, bool copied)
{
    const auto slots = std::span{slots_}.subspan(frame.first_slot, frame.slots);
    for (const Slot& slot : slots)
        copied = copied && (slot.length == 0 || ops_[slot.op].done());
    if (!copied) {
        ++stats_.bad_grants;
        for (const Slot& slot : slots) // each for itself: no frame spans them
            frame.ring->answer(netif_rx_response{
                .id = slot.id, .offset = 0, .flags = 0, .status = NETIF_RSP_ERROR});
        return;
    }
    ++stats_.packets;
    stats_.bytes += frame.length;
    answer_whole(frame, slots);
}

void RxQueue::answer_whole(const Frame& frame, std::span<const Slot> slots)
{
    const std::size_t last = slots.size() == 1u + frame.extras ? 0 : slots.size() - 1;
    for (std::size_t i = 0; i < slots.size(); ++i) {
        if (i == 1)
            answer_extras(frame);
        if (slots[i].length == 0)
            continue;
        unsigned flags = i == 0 ? frame.how.flags : 0u;
        if (i == 0 && frame.extras != 0)
            flags |= NETRXF_extra_info;
        if (i < last)
            flags |= NETRXF_more_data;
        frame.ring->answer(netif_rx_response{
            .id = slots[i].id,
            .offset = frame.headroom,
            .flags = static_cast<std::uint16_t>(flags),
            .status = static_cast<std::int16_t>(slots[i].length)});
    }
}

// In the order of their types' numbers, as Linux has them.
void RxQueue::answer_extras(const Frame& frame)
{
    unsigned left = frame.extras;
    const auto put = [&](netif_extra_info extra) {
        if (--left != 0)
            extra.flags = XEN_NETIF_EXTRA_FLAG_MORE;
        frame.ring->answer(extra);
    };
    if (frame.how.gso)
        put(extra_info(*frame.how.gso));
    if (frame.hash)
        put(extra_info(*frame.hash));
    if (frame.headroom != 0)
        put(extra_info(frame.headroom));
}

void RxQueue::discard_waiting()
{
    if (held_) {
        held_.reset();
        ++stats_.dropped;
    }
    std::size_t size = 0;
    // Bounded: a tap that fills as fast as it is emptied gets its next turn later.
    for (unsigned i = 0; i < 1024; ++i) {
        if (tap_.read(arena_.part(0, kMaxTapFrame), size) != Tap::Read::frame)
            return;
        ++stats_.dropped;
    }
}

} // namespace zocalo::net
