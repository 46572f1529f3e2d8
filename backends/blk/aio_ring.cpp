// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/aio_ring.hpp"

#include <atomic>
#include <cstdint>
#include <cstring>

namespace zocalo::blk {
namespace {

// Linux' struct aio_ring, which no public header has; unchanged since 2.5.
struct Ring {
    std::uint32_t id;
    std::uint32_t events; // places, not all of which the kernel fills
    std::uint32_t head;   // ours
    std::uint32_t tail;   // the kernel's
    std::uint32_t magic;
    std::uint32_t compatible, incompatible; // features
    std::uint32_t header_bytes;
};
constexpr std::uint32_t kMagic = 0xa10a10a1;

std::size_t ask_kernel(io_context_t context, std::span<io_event> room)
{
    timespec now{};
    const int got = ::io_getevents(context, 0, static_cast<long>(room.size()), room.data(), &now);
    return got > 0 ? static_cast<std::size_t>(got) : 0;
}

} // namespace

std::size_t take_ended(io_context_t context, std::span<io_event> room)
{
    Ring& ring = *reinterpret_cast<Ring*>(context);
    if (ring.magic != kMagic || ring.incompatible != 0 || ring.header_bytes != sizeof(Ring) ||
        ring.events == 0)
        return ask_kernel(context, room);
    // The kernel writes an event, then the tail; reads the head, then writes over what lay there.
    const std::uint32_t tail = std::atomic_ref{ring.tail}.load(std::memory_order_acquire);
    const auto* events = reinterpret_cast<const io_event*>(&ring + 1);
    std::uint32_t head = ring.head;
    std::size_t got = 0;
    for (; head != tail && got < room.size(); ++got) {
        room[got] = events[head];
        head = head + 1 == ring.events ? 0 : head + 1;
    }
    if (got != 0)
        std::atomic_ref{ring.head}.store(head, std::memory_order_release);
    return got;
}

} // namespace zocalo::blk
