// SPDX-License-Identifier: Apache-2.0
#include "common/xen-proto/back_ring.hpp"

namespace zocalo::xen {
namespace {

// Word by word through volatile: the compiler may neither re-read shared memory later nor turn the
// copy into something that reads twice. Slots are multiples of four bytes and four-byte aligned.
void copy_out(std::span<std::byte> to, const std::byte* from)
{
    for (std::size_t at = 0; at + 4 <= to.size(); at += 4) {
        const auto word = *reinterpret_cast<const volatile std::uint32_t*>(from + at);
        __builtin_memcpy(to.data() + at, &word, sizeof word);
    }
    for (std::size_t at = to.size() & ~std::size_t{3}; at < to.size(); ++at)
        to[at] = *const_cast<const volatile std::byte*>(from + at);
}

} // namespace

Result<BackRing>
BackRing::attach(std::span<std::byte> pages, std::size_t slot_bytes, std::uint32_t start)
{
    if (slot_bytes == 0 || slot_bytes % 4 != 0 || pages.size() < kRingSlots + slot_bytes)
        return Errno::inval;
    const std::size_t fit = (pages.size() - kRingSlots) / slot_bytes;
    std::uint32_t slots = 1;
    while (std::size_t{slots} * 2 <= fit && slots < (1u << 30))
        slots *= 2;
    return BackRing{pages.data(), slots, slot_bytes, start};
}

Result<Unit> BackRing::resume(std::uint32_t taken, std::uint32_t answered)
{
    if (taken - answered > slots_)
        return Errno::inval;
    req_cons_ = taken;
    rsp_prod_ = published_ = answered;
    return Unit{};
}

std::uint32_t BackRing::load(std::size_t offset) const
{
    return __atomic_load_n(
        reinterpret_cast<const volatile std::uint32_t*>(base_ + offset), __ATOMIC_ACQUIRE
    );
}

void BackRing::store(std::size_t offset, std::uint32_t value)
{
    __atomic_store_n(
        reinterpret_cast<volatile std::uint32_t*>(base_ + offset), value, __ATOMIC_RELEASE
    );
}

bool BackRing::sane() const
{
    return load(kRingReqProd) - rsp_prod_ <= slots_;
}

std::uint32_t BackRing::pending() const
{
    const std::uint32_t producer = load(kRingReqProd);
    if (producer - rsp_prod_ > slots_ || producer - rsp_prod_ < outstanding())
        return 0;
    return producer - req_cons_;
}

BackRing::Pop BackRing::pop_bytes(std::span<std::byte> out)
{
    const std::uint32_t ahead = load(kRingReqProd) - rsp_prod_;
    // Beyond one ring, or moved back behind what was already taken: neither can be honest.
    if (ahead > slots_ || ahead < outstanding())
        return Pop::broken;
    if (ahead == outstanding())
        return Pop::empty;
    const std::size_t bytes = out.size() < slot_bytes_ ? out.size() : slot_bytes_;
    copy_out(out.first(bytes), slot(req_cons_));
    ++req_cons_;
    return Pop::taken;
}

void BackRing::push_bytes(std::span<const std::byte> response)
{
    std::byte* to = slot(rsp_prod_);
    const std::size_t bytes = response.size() < slot_bytes_ ? response.size() : slot_bytes_;
    __builtin_memcpy(to, response.data(), bytes);
    __builtin_memset(to + bytes, 0, slot_bytes_ - bytes);
    ++rsp_prod_;
}

bool BackRing::publish()
{
    const std::uint32_t old = published_;
    store(kRingRspProd, rsp_prod_); // release: responses are visible before the index
    published_ = rsp_prod_;
    __atomic_thread_fence(__ATOMIC_SEQ_CST); // the index is visible before rsp_event is read
    return rsp_prod_ - load(kRingRspEvent) < rsp_prod_ - old;
}

bool BackRing::rearm(std::uint32_t wanted)
{
    const auto ready = [&] { return !sane() || load(kRingReqProd) - req_cons_ >= wanted; };
    if (ready())
        return true;
    store(kRingReqEvent, req_cons_ + wanted);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); // req_event is visible before the producer is re-read
    return ready();
}

} // namespace zocalo::xen
