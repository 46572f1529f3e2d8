// SPDX-License-Identifier: Apache-2.0
#include "backends/net/hash_log.hpp"

#include <array>
#include <type_traits>

namespace zocalo::net {
namespace {

// Raised with every change of the layout.
constexpr std::uint32_t kInUse = 0x5a484c01;

} // namespace

struct HashLog::Page {
    std::uint32_t in_use;
    std::uint32_t current; // of the two
    RingIdentity ring;
    std::array<HashSettings::Kept, 2> settings;
};

HashLog::HashLog(std::span<std::byte> memory)
{
    static_assert(std::is_trivially_copyable_v<HashSettings::Kept>);
    static_assert(sizeof(Page) <= NetJournal::kLogBytes);
    if (memory.size() >= sizeof(Page))
        page_ = reinterpret_cast<Page*>(memory.data());
}

// The next process reads what this one had stored when it died, in this order.
void HashLog::begin(const RingIdentity& ring)
{
    if (page_ == nullptr)
        return;
    __atomic_store_n(&page_->in_use, 0u, __ATOMIC_RELEASE);
    page_->ring = ring;
    page_->settings[0] = {};
    page_->current = 0;
    __atomic_store_n(&page_->in_use, kInUse, __ATOMIC_RELEASE);
}

void HashLog::end()
{
    if (page_ != nullptr)
        __atomic_store_n(&page_->in_use, 0u, __ATOMIC_RELEASE);
}

void HashLog::keep(const HashSettings::Kept& settings)
{
    if (page_ == nullptr)
        return;
    const std::uint32_t next = (page_->current + 1) % 2;
    page_->settings[next] = settings;
    __atomic_store_n(&page_->current, next, __ATOMIC_RELEASE);
}

std::optional<HashSettings::Kept> HashLog::recover(const RingIdentity& ring) const
{
    if (page_ == nullptr || __atomic_load_n(&page_->in_use, __ATOMIC_ACQUIRE) != kInUse ||
        page_->ring != ring)
        return std::nullopt;
    return page_->settings[__atomic_load_n(&page_->current, __ATOMIC_ACQUIRE) % 2];
}

} // namespace zocalo::net
