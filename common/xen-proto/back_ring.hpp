// SPDX-License-Identifier: Apache-2.0
// BackRing: the backend's half of a shared request/response ring (xen/io/ring.h). Every backend
// queue owns one. The shared page is hostile: our indices live here and are never read back, each
// request is copied out once by volatile reads, and the frontend's producer is believed only when
// it is possible. It knows no request layout, no event channel and no grant: the caller maps the
// page and notifies.
#pragma once

#include "common/base/result.hpp"

#include <xen/io/ring.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace zocalo::xen {

// Where DEFINE_RING_TYPES puts what: four 32-bit indices, 48 bytes of padding, then the slots.
inline constexpr std::size_t kRingReqProd = 0;
inline constexpr std::size_t kRingReqEvent = 4;
inline constexpr std::size_t kRingRspProd = 8;
inline constexpr std::size_t kRingRspEvent = 12;
inline constexpr std::size_t kRingSlots = 64;

class BackRing {
  public:
    enum class Pop {
        taken,  // the request is in the caller's copy
        empty,  // nothing to do: rearm() before sleeping
        broken, // the producer claims more than fits: stop this ring for good
    };

    // `pages` is the whole mapped ring; `slot_bytes` the size of the larger of request and
    // response. Both sides start at index `start`: 0 for a fresh ring, BACK_RING_ATTACH's third
    // argument else. Errno::inval: the pages hold no slot, or the slot size is not a multiple of
    // four.
    static Result<BackRing>
    attach(std::span<std::byte> pages, std::size_t slot_bytes, std::uint32_t start = 0);

    // Goes on with a ring that another process served: requests before `taken` were taken, answers
    // before `answered` are published. Errno::inval: more are open than the ring has slots.
    Result<Unit> resume(std::uint32_t taken, std::uint32_t answered);
    // Answers as the shared page counts them. The guest can write there.
    std::uint32_t shown() const { return load(kRingRspProd); }

    std::uint32_t slots() const { return slots_; }
    // Requests taken and not answered yet.
    std::uint32_t outstanding() const { return req_cons_ - rsp_prod_; }
    // False when the producer is more than one ring ahead of our answers
    // (RING_REQUEST_PROD_OVERFLOW).
    bool sane() const;
    // Requests that could be popped now; 0 when the producer is impossible.
    std::uint32_t pending() const;

    // Copies the next request (RING_COPY_REQUEST). T may be shorter than a slot: extra-info slots
    // and the foreign layouts of blkif are popped as the type they are.
    template <class T> Pop pop(T& out)
    {
        static_assert(std::is_trivially_copyable_v<T>);
        return pop_bytes(std::as_writable_bytes(std::span{&out, 1}));
    }
    Pop pop_bytes(std::span<std::byte> out);

    // Puts the request popped last back; it will be copied, and must be checked, again.
    void undo_pop() { --req_cons_; }

    // Writes the next response; the rest of its slot is zeroed (XSA-216). publish() makes it
    // visible. Never called more often than pop() has taken requests.
    template <class T> void push(const T& response)
    {
        static_assert(std::is_trivially_copyable_v<T>);
        push_bytes(std::as_bytes(std::span{&response, 1}));
    }
    void push_bytes(std::span<const std::byte> response);

    // RING_PUSH_RESPONSES_AND_CHECK_NOTIFY: true when the frontend asked for an event.
    [[nodiscard]] bool publish();

    // RING_FINAL_CHECK_FOR_REQUESTS: asks for an event once `wanted` requests are there; true when
    // they already are and the caller must not sleep. A broken producer counts as work, so that the
    // next pop() reports it.
    [[nodiscard]] bool rearm(std::uint32_t wanted = 1);

    std::uint32_t req_cons() const { return req_cons_; }
    std::uint32_t rsp_prod() const { return rsp_prod_; }

  private:
    BackRing(std::byte* base, std::uint32_t slots, std::size_t slot_bytes, std::uint32_t start)
        : base_{base}, slot_bytes_{slot_bytes}, slots_{slots}, req_cons_{start}, rsp_prod_{start},
          published_{start}
    {
    }
    std::uint32_t load(std::size_t offset) const;
    void store(std::size_t offset, std::uint32_t value);
    std::byte* slot(std::uint32_t index) const
    {
        return base_ + kRingSlots + (index & (slots_ - 1)) * slot_bytes_;
    }

    std::byte* base_;
    std::size_t slot_bytes_;
    std::uint32_t slots_;
    std::uint32_t req_cons_;
    std::uint32_t rsp_prod_;
    std::uint32_t published_;
};

} // namespace zocalo::xen
