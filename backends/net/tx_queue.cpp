// SPDX-License-Identifier: Apache-2.0
#include "backends/net/tx_queue.hpp"

#include <algorithm>
#include <cstring>

namespace zocalo::net {
namespace {

// A batch is what one system call copies: enough to pay for the call, little enough to be fair.
constexpr std::size_t kBatchPackets = 64;
constexpr std::size_t kBatchOps = 256;
constexpr std::size_t kFrameRoom = kMaxTapFrame + Arena::kPage;
static_assert(kBatchOps >= kMaxFragments && Arena::kPages * Arena::kPage >= kFrameRoom);

// Where the packet's header goes. Linux sends what follows its own headers in whole pages: what
// begins one of the guest's begins one here. A packet without any does not cross a page that it
// fits into.
std::size_t place(std::size_t from, const TxPacket& packet)
{
    std::size_t before = sizeof(TapHeader);
    bool first = true;
    for (const TxFragment& fragment : packet.data()) {
        if (!first && fragment.offset == 0)
            return Arena::place(from, before);
        before += fragment.size;
        first = false;
    }
    const bool crosses = from % Arena::kPage + before > Arena::kPage;
    return crosses ? Arena::place(from, 0) : from;
}

} // namespace

TxQueue::TxQueue(
    xen::BackRing ring,
    DomId guest,
    xen::GrantTable& grants,
    Arena& arena,
    Tap& tap,
    RingLog log,
    MulticastFilter* multicast
)
    : ring_{ring}, guest_{guest}, grants_{grants}, arena_{arena}, tap_{tap}, log_{log},
      multicast_{multicast}
{
    batch_.reserve(kBatchPackets);
    ops_.reserve(kBatchOps);
    writes_.reserve(kBatchPackets);
}

bool TxQueue::resume(const RingLog::Found& found)
{
    if (!ring_.resume(found.taken, found.answered))
        return false;
    for (const std::uint16_t id : found.ids) {
        const bool extra = id == kExtraSlot;
        ring_.push(netif_tx_response{
            .id = extra ? std::uint16_t{0} : id,
            .status = extra ? std::int16_t{NETIF_RSP_NULL} : std::int16_t{NETIF_RSP_ERROR}});
        stats_.dropped += extra ? 0 : 1;
    }
    static_cast<void>(ring_.publish()); // the caller notifies in any case
    log_.answered(ring_.rsp_prod());
    return true;
}

TxQueue::Round TxQueue::serve()
{
    batch_.clear();
    ops_.clear();
    used_ = 0;
    Round round{.after = gather()};
    deliver(fetch());
    for (const Pending& pending : batch_)
        answer(pending.packet, pending.status);
    if (!batch_.empty()) {
        round.notify = ring_.publish();
        log_.answered(ring_.rsp_prod());
    }
    return round;
}

TxQueue::After TxQueue::gather()
{
    while (!assembler_.idle() || room_for_one()) {
        netif_tx_request slot;
        const bool extra = assembler_.wants_extra();
        switch (ring_.pop(slot)) {
        case xen::BackRing::Pop::taken:
            break;
        case xen::BackRing::Pop::empty:
            if (assembler_.idle())
                return After::idle;
            fault_ = "the ring ends inside a packet";
            return After::broken;
        case xen::BackRing::Pop::broken:
            fault_ = "the transmit ring's producer index is impossible";
            return After::broken;
        }
        log_.note(ring_.req_cons() - 1, extra ? kExtraSlot : slot.id);
        switch (assembler_.feed(slot)) {
        case TxStep::more:
            break;
        case TxStep::complete:
            log_.taken(ring_.req_cons());
            take(assembler_.packet());
            break;
        case TxStep::fatal:
            fault_ = assembler_.fault();
            return After::broken;
        }
    }
    return After::more;
}

bool TxQueue::room_for_one() const
{
    return batch_.size() < kBatchPackets && kBatchOps - ops_.size() >= kMaxFragments &&
           arena_.size() - used_ >= kFrameRoom;
}

void TxQueue::take(const TxPacket& packet)
{
    const bool fetched = packet.drop == TxDrop::none;
    const std::size_t at = fetched ? place(used_, packet) : used_;
    batch_.push_back(
        {packet, static_cast<std::uint32_t>(at), static_cast<std::uint16_t>(ops_.size())}
    );
    if (!fetched)
        return;
    used_ = at + sizeof(TapHeader);
    for (const TxFragment& fragment : packet.data()) {
        const auto room = arena_.part(used_, fragment.size);
        ops_.push_back(xen::GrantCopy::from_guest(
            guest_, GrantRef{fragment.gref}, fragment.offset, std::as_writable_bytes(room)
        ));
        used_ += fragment.size;
    }
}

bool TxQueue::fetch()
{
    return ops_.empty() || grants_.copy(ops_).has_value();
}

bool TxQueue::copied(const Pending& pending) const
{
    const auto ops = std::span{ops_}.subspan(pending.first_op, pending.packet.fragment_count);
    return std::ranges::all_of(ops, &xen::GrantCopy::done);
}

// No frame leaves for it, but it may have been a message.
std::int16_t TxQueue::refused(const TxPacket& packet)
{
    if (packet.drop == TxDrop::multicast && packet.multicast && multicast_ != nullptr) {
        const MulticastChange& change = *packet.multicast;
        const bool done =
            change.add ? multicast_->add(change.address) : multicast_->remove(change.address);
        return done ? NETIF_RSP_OKAY : NETIF_RSP_ERROR;
    }
    ++stats_.dropped;
    return NETIF_RSP_ERROR;
}

void TxQueue::deliver(bool fetched)
{
    writes_.clear();
    for (Pending& pending : batch_)
        pending.status = prepare(pending, fetched);
    tap_.write(writes_);
    auto next = writes_.begin();
    for (Pending& pending : batch_) {
        if (!pending.written)
            continue;
        const TapWrite& frame = *next++;
        if (!frame.taken) {
            ++stats_.tap_refused;
            pending.status = NETIF_RSP_DROPPED;
            continue;
        }
        ++stats_.packets;
        stats_.bytes += frame.bytes.size() - sizeof(TapHeader);
    }
}

// The answer, should its frame be taken, which goes to writes_ if there is one.
std::int16_t TxQueue::prepare(Pending& pending, bool fetched)
{
    if (pending.packet.drop != TxDrop::none)
        return refused(pending.packet);
    if (!fetched || !copied(pending)) {
        ++stats_.bad_grants;
        return NETIF_RSP_ERROR;
    }
    const auto room = arena_.part(pending.at, sizeof(TapHeader) + pending.packet.length);
    const auto frame = room.subspan(sizeof(TapHeader));
    auto out = to_tap(frame, pending.packet.checksum_blank, pending.packet.gso);
    if (out && finish_checksums_)
        out = finished(*out, frame);
    if (!out) {
        ++stats_.bad_offload;
        return NETIF_RSP_ERROR;
    }
    std::memcpy(room.data(), &out->header, sizeof out->header);
    writes_.push_back({room.first(sizeof(TapHeader) + out->length)});
    pending.written = true;
    return NETIF_RSP_OKAY;
}

void TxQueue::answer(const TxPacket& packet, std::int16_t status)
{
    // Each slot taken needs an answer, or the ring would shrink; extra-info slots have no id.
    const auto ids = packet.answers();
    ring_.push(netif_tx_response{.id = ids[0], .status = status});
    for (unsigned i = 0; i < packet.extra_count; ++i)
        ring_.push(netif_tx_response{.id = 0, .status = NETIF_RSP_NULL});
    for (const std::uint16_t id : ids.subspan(1))
        ring_.push(netif_tx_response{.id = id, .status = status});
}

} // namespace zocalo::net
