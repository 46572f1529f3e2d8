// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/console/console_ring.hpp"

#include <xen/io/console.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace zocalo::toolstack {
namespace {

std::uint32_t load(std::uint32_t& shared)
{
    return std::atomic_ref(shared).load(std::memory_order_acquire);
}

void publish(std::uint32_t& shared, std::uint32_t value)
{
    std::atomic_ref(shared).store(value, std::memory_order_release);
}

char load_byte(char& shared)
{
    return std::atomic_ref(shared).load(std::memory_order_relaxed);
}

} // namespace

Result<std::size_t> ConsoleRing::take_output(std::string& into)
{
    const std::uint32_t consumed = load(page_->out_cons);
    const std::uint32_t count = load(page_->out_prod) - consumed;
    if (count > sizeof page_->out)
        return Errno::inval;
    for (std::uint32_t i = 0; i < count; ++i)
        into += load_byte(page_->out[MASK_XENCONS_IDX(consumed + i, page_->out)]);
    if (count > 0)
        publish(page_->out_cons, consumed + count);
    return std::size_t{count};
}

Result<std::size_t> ConsoleRing::put_input(std::string_view input)
{
    const std::uint32_t produced = load(page_->in_prod);
    const std::uint32_t used = produced - load(page_->in_cons);
    if (used > sizeof page_->in)
        return Errno::inval;
    const auto count = static_cast<std::uint32_t>(std::min(input.size(), sizeof page_->in - used));
    for (std::uint32_t i = 0; i < count; ++i)
        std::atomic_ref(page_->in[MASK_XENCONS_IDX(produced + i, page_->in)])
            .store(input[i], std::memory_order_relaxed);
    if (count > 0)
        publish(page_->in_prod, produced + count);
    return std::size_t{count};
}

} // namespace zocalo::toolstack
