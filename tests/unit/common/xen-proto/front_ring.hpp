// SPDX-License-Identifier: Apache-2.0
// FrontRing: a frontend for tests. It shares an array with a BackRing, behaves as xen/io/ring.h
// asks, and lies when told to. Used by the ring's own tests and by those of both backends.
#pragma once

#include "common/xen-proto/back_ring.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

namespace zocalo::xen::test {

class FrontRing {
  public:
    explicit FrontRing(std::size_t slot_bytes, std::size_t pages = 1)
        : memory_(pages * 4096 / sizeof(Line)), slot_bytes_{slot_bytes}
    {
        set(kRingReqEvent, 1); // SHARED_RING_INIT
        set(kRingRspEvent, 1);
        slots_ = 1;
        while (kRingSlots + 2 * slots_ * slot_bytes <= pages * 4096)
            slots_ *= 2;
    }

    std::span<std::byte> pages()
    {
        return std::as_writable_bytes(std::span{memory_.data(), memory_.size()});
    }
    std::uint32_t slots() const { return slots_; }

    template <class T> void put(std::uint32_t index, const T& request)
    {
        std::memcpy(slot(index), &request, sizeof request);
    }
    // Queues a request and shows it; true when the backend asked for an event.
    template <class T> bool push(const T& request)
    {
        put(produced_++, request);
        return show();
    }
    template <class T> void push_hidden(const T& request) { put(produced_++, request); }
    bool show()
    {
        const std::uint32_t old = get(kRingReqProd);
        set(kRingReqProd, produced_);
        return produced_ - get(kRingReqEvent) < produced_ - old;
    }

    template <class T> std::optional<T> take()
    {
        if (get(kRingRspProd) == consumed_)
            return std::nullopt;
        T response;
        std::memcpy(&response, slot(consumed_++), sizeof response);
        return response;
    }
    // RING_FINAL_CHECK_FOR_RESPONSES without the check: wake me for the next one.
    void want_event() { set(kRingRspEvent, consumed_ + 1); }

    std::uint32_t get(std::size_t offset) const
    {
        std::uint32_t value = 0;
        std::memcpy(&value, bytes() + offset, sizeof value);
        return value;
    }
    void set(std::size_t offset, std::uint32_t value)
    {
        std::memcpy(bytes() + offset, &value, sizeof value);
    }
    std::byte* slot(std::uint32_t index)
    {
        return bytes() + kRingSlots + (index & (slots_ - 1)) * slot_bytes_;
    }

  private:
    struct alignas(64) Line {
        std::array<std::byte, 64> bytes{};
    };
    std::byte* bytes() { return pages().data(); }
    const std::byte* bytes() const { return memory_.data()->bytes.data(); }

    std::vector<Line> memory_;
    std::size_t slot_bytes_;
    std::uint32_t slots_ = 0;
    std::uint32_t produced_ = 0;
    std::uint32_t consumed_ = 0;
};

} // namespace zocalo::xen::test
