// SPDX-License-Identifier: Apache-2.0
// XENMEM_exchange: pages for the same number of pages that are contiguous, or in reach of a device.
#include "hypervisor-core/hypercall/memory_ops.hpp"

#include <array>

namespace zocalo::hv {
namespace {

constexpr unsigned kMaxOrder = 9;
constexpr std::size_t kMostPages = std::size_t{1} << kMaxOrder;

// What is given and what is wanted for it: one side is one extent of `order`, the other single
// pages.
struct Exchange {
    unsigned in_order{}, out_order{};
    std::uint64_t pages{};
    GuestArray<std::uint64_t> in{0}, out{0};
    unsigned address_bits{};
};

Result<Exchange> decode(const xen_memory_exchange& args)
{
    Exchange exchange;
    exchange.in_order = args.in.extent_order;
    exchange.out_order = args.out.extent_order;
    if (exchange.in_order > kMaxOrder || exchange.out_order > kMaxOrder)
        return Errno::perm;
    if (args.in.nr_extents > kMostPages || args.out.nr_extents > kMostPages)
        return Errno::inval;
    exchange.pages = args.in.nr_extents << exchange.in_order;
    if (exchange.pages != args.out.nr_extents << exchange.out_order)
        return Errno::inval;
    if (args.nr_exchanged != 0 || exchange.pages > kMostPages)
        return Errno::inval;
    exchange.in = GuestArray<std::uint64_t>{address_of(args.in.extent_start)};
    exchange.out = GuestArray<std::uint64_t>{address_of(args.out.extent_start)};
    const unsigned bits = XENMEMF_get_address_bits(args.out.mem_flags);
    exchange.address_bits = bits == 0 ? 64 : bits;
    return exchange;
}

// Each page must be the domain's and unused: mapped nowhere, no table, and given only once. A
// reference marks those that are: `done` counts them, also when it fails.
Result<Unit> take_given(
    Call& call, const Exchange& exchange, std::span<Mfn, kMostPages> given, std::uint64_t& done
)
{
    FrameTable& frames = call.system.memory.frames();
    for (done = 0; done < exchange.pages; ++done) {
        const std::uint64_t first = TRY(exchange.in[done >> exchange.in_order].copy_in());
        const Mfn mfn{first + (done & ((std::uint64_t{1} << exchange.in_order) - 1))};
        if (!frames.contains(mfn))
            return Errno::inval;
        const FrameInfo& frame = frames[mfn];
        if (frame.owner != call.domain().id || !frame.has(FrameInfo::allocated) || frame.refs != 1)
            return Errno::inval;
        TRY(frames.get(mfn, call.domain().id));
        given[done] = mfn;
    }
    return Unit{};
}

void put_all(Memory& memory, std::span<const Mfn> pages)
{
    for (const Mfn mfn : pages)
        memory.put(mfn);
}

} // namespace

Answer exchange_memory(Call& call)
{
    auto args = TRY(call.ref<xen_memory_exchange>(1).copy_in());
    const Exchange exchange = TRY(decode(args));
    if (args.in.domid != DOMID_SELF && args.in.domid != call.domain().id.value)
        return Errno::perm;
    Memory& memory = call.system.memory;
    std::array<Mfn, kMostPages> given{};
    std::uint64_t taken = 0;
    if (const auto all = take_given(call, exchange, given, taken); !all) {
        put_all(memory, std::span{given}.first(taken));
        return all.error();
    }

    // The new pages first, so that nothing is lost when there are none.
    OwnedFrames& owned = call.domain().memory;
    const std::uint64_t limit = owned.limit;
    owned.limit = owned.count + exchange.pages;
    std::array<Mfn, kMostPages> received{};
    std::uint64_t done = 0;
    for (; done < exchange.pages; done += std::uint64_t{1} << exchange.out_order) {
        const auto block = memory.allocate_for(owned, exchange.out_order, exchange.address_bits);
        if (!block)
            break;
        for (std::uint64_t i = 0; i < std::uint64_t{1} << exchange.out_order; ++i)
            received[done + i] = *block + i;
    }
    owned.limit = limit;
    if (done < exchange.pages) {
        for (std::uint64_t i = 0; i < done; ++i)
            memory.release(received[i], owned);
        put_all(memory, std::span{given}.first(taken));
        return Errno::nomem;
    }
    for (std::uint64_t i = 0; i < exchange.pages; ++i)
        memory.release(given[i], owned);
    put_all(memory, std::span{given}.first(taken));
    for (std::uint64_t i = 0; i < exchange.pages; ++i) {
        const std::uint64_t within = i & ((std::uint64_t{1} << exchange.out_order) - 1);
        const auto item = exchange.out[i >> exchange.out_order];
        memory.set_pfn(received[i], TRY(item.copy_in()) + within);
    }
    for (std::uint64_t i = 0; i < args.out.nr_extents; ++i)
        TRY(exchange.out[i].copy_out(received[i << exchange.out_order].value));
    args.nr_exchanged = args.in.nr_extents;
    return call.ref<xen_memory_exchange>(1).copy_out(args);
}

} // namespace zocalo::hv
