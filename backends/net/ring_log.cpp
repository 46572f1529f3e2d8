// SPDX-License-Identifier: Apache-2.0
#include "backends/net/ring_log.hpp"

#include <array>
#include <cerrno>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace zocalo::net {
namespace {

// Raised with every change of the layout.
constexpr std::uint32_t kInUse = 0x5a4e4c01;

// The next process reads what this one had stored when it died, in this order.
template <class T> void store(T& to, T value)
{
    __atomic_store_n(&to, value, __ATOMIC_RELEASE);
}

template <class T> T load(const T& from)
{
    return __atomic_load_n(&from, __ATOMIC_ACQUIRE);
}

} // namespace

struct RingLog::Page {
    std::uint32_t in_use;
    std::uint32_t taken;
    std::uint32_t answered;
    RingIdentity ring;
    std::array<std::uint16_t, kRingSlots> ids;
};

namespace {

constexpr std::size_t kLogs = 2 * NetJournal::kQueues;
constexpr std::size_t kBytes = (kLogs + 1) * NetJournal::kLogBytes; // the guest's settings last

} // namespace

void RingLog::begin(const RingIdentity& ring)
{
    if (page_ == nullptr)
        return;
    store(page_->in_use, 0u);
    page_->taken = page_->answered = 0;
    page_->ring = ring;
    store(page_->in_use, kInUse);
}

void RingLog::end()
{
    if (page_ != nullptr)
        store(page_->in_use, 0u);
}

bool RingLog::in_use() const
{
    return page_ != nullptr && load(page_->in_use) == kInUse;
}

std::optional<RingLog::Found> RingLog::recover(const RingIdentity& ring, std::uint32_t shown)
{
    if (!in_use() || page_->ring != ring)
        return std::nullopt;
    const Found bounds{load(page_->taken), shown, {}};
    const std::uint32_t open = bounds.taken - load(page_->answered);
    // The guest can write the ring's count: it may show no more answers than could have been given.
    if (open > kRingSlots || bounds.taken - shown > open)
        return std::nullopt;
    Found found = bounds;
    for (std::uint32_t index = shown; index != found.taken; ++index)
        found.ids.push_back(page_->ids[index % kRingSlots]);
    store(page_->answered, shown);
    return found;
}

void RingLog::note(std::uint32_t index, std::uint16_t id)
{
    if (page_ != nullptr)
        store(page_->ids[index % kRingSlots], id);
}

void RingLog::taken(std::uint32_t index)
{
    if (page_ != nullptr)
        store(page_->taken, index);
}

void RingLog::answered(std::uint32_t index)
{
    if (page_ != nullptr)
        store(page_->answered, index);
}

Outcome<NetJournal> NetJournal::open(UniqueFd file)
{
    if (!file)
        return NetJournal{};
    struct stat facts {};
    if (::fstat(file.get(), &facts) != 0)
        return system_error("cannot examine a card's journal", errno);
    if (std::cmp_less(facts.st_size, kBytes) && ::ftruncate(file.get(), kBytes) != 0)
        return system_error("cannot get memory for a card's journal", errno);
    void* at = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (at == MAP_FAILED)
        return system_error("cannot map a card's journal", errno);
    return NetJournal{static_cast<std::byte*>(at)};
}

NetJournal::NetJournal(NetJournal&& other) noexcept : base_{std::exchange(other.base_, nullptr)} {}

NetJournal& NetJournal::operator=(NetJournal&& other) noexcept
{
    std::swap(base_, other.base_);
    return *this;
}

NetJournal::~NetJournal()
{
    if (base_ != nullptr)
        ::munmap(base_, kBytes);
}

RingLog NetJournal::log(std::size_t index) const
{
    static_assert(sizeof(RingLog::Page) <= kLogBytes);
    if (base_ == nullptr || index >= kLogs)
        return RingLog{};
    return RingLog{*reinterpret_cast<RingLog::Page*>(base_ + index * kLogBytes)};
}

std::span<std::byte> NetJournal::settings() const
{
    if (base_ == nullptr)
        return {};
    return {base_ + kLogs * kLogBytes, kLogBytes};
}

} // namespace zocalo::net
