// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/journal.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace zocalo::blk {
namespace {

// Raised with every change of the layout: after an upgrade a line of before is not continued.
constexpr std::uint32_t kInUse = 0x5a4a4c01;

enum class State : std::uint32_t { free = 0, taken = 1, answered = 2 };

// The next process reads what this one had stored when it died, in this order.
template <class T> void store(T& to, T value)
{
    __atomic_store_n(&to, value, __ATOMIC_RELEASE);
}

template <class T> T load(const T& from)
{
    return __atomic_load_n(&from, __ATOMIC_ACQUIRE);
}

// On a ring's endless count.
bool before(std::uint32_t index, std::uint32_t end)
{
    return static_cast<std::int32_t>(index - end) < 0;
}

} // namespace

struct JournalLine::Entry {
    std::uint32_t state;
    std::uint32_t index;  // of the request
    std::uint32_t answer; // of the response
    std::uint32_t unused;
    Slot request;
};

struct JournalLine::Page {
    std::uint32_t in_use;
    std::uint32_t taken;
    std::uint32_t answered;
    std::uint32_t unused;
    RingIdentity ring;
    std::array<Entry, kMaxSlots> entries;
};

void JournalLine::begin(const RingIdentity& ring)
{
    store(page_->in_use, 0u);
    for (Entry& entry : page_->entries)
        entry.state = 0;
    page_->taken = page_->answered = 0;
    page_->ring = ring;
    store(page_->in_use, kInUse);
}

void JournalLine::end()
{
    store(page_->in_use, 0u);
}

bool JournalLine::in_use() const
{
    return load(page_->in_use) == kInUse;
}

std::optional<JournalLine::Found>
JournalLine::recover(const RingIdentity& ring, std::uint32_t shown)
{
    if (!in_use() || page_->ring != ring || ring.slots > kMaxSlots)
        return std::nullopt;
    struct Open {
        std::uint32_t index;
        std::uint16_t slot;
    };
    std::vector<Open> open;
    Found found{load(page_->taken), shown, {}};
    std::uint32_t pushed = 0;
    for (std::uint16_t slot = 0; slot < ring.slots; ++slot) {
        Entry& entry = page_->entries[slot];
        const auto state = static_cast<State>(load(entry.state));
        pushed += state == State::answered ? 1 : 0;
        if (state == State::free || (state == State::answered && before(entry.answer, shown))) {
            store(entry.state, static_cast<std::uint32_t>(State::free));
            continue;
        }
        // It died between recording the request and counting it.
        if (state == State::taken && entry.index == found.taken)
            ++found.taken;
        open.push_back({entry.index, slot});
    }
    // The ring's page belongs to the guest: it may show only answers that were given.
    if (shown - load(page_->answered) > pushed || open.size() != found.taken - shown)
        return std::nullopt;
    // By age, of which nothing but the count of requests is a bound: a slow one may be overtaken by
    // many rings full of others.
    const auto age = [&found](const Open& o) { return found.taken - o.index; };
    std::ranges::sort(open, std::greater{}, age);
    const auto same = std::ranges::adjacent_find(open, {}, &Open::index);
    if (same != open.end() || !std::ranges::all_of(open, [&found](const Open& o) {
            return before(o.index, found.taken);
        }))
        return std::nullopt;
    for (const Open& o : open) {
        store(page_->entries[o.slot].state, static_cast<std::uint32_t>(State::taken));
        found.slots.push_back(o.slot);
    }
    store(page_->taken, found.taken);
    store(page_->answered, shown);
    return found;
}

void JournalLine::taken(std::uint16_t slot, std::uint32_t index, const Slot& request)
{
    Entry& entry = page_->entries[slot];
    entry.index = index;
    entry.request = request;
    store(entry.state, static_cast<std::uint32_t>(State::taken));
    store(page_->taken, index + 1);
}

void JournalLine::answered(std::uint16_t slot, std::uint32_t index)
{
    Entry& entry = page_->entries[slot];
    entry.answer = index;
    store(entry.state, static_cast<std::uint32_t>(State::answered));
}

void JournalLine::published(std::uint32_t answers, std::span<const std::uint16_t> slots)
{
    store(page_->answered, answers);
    for (const std::uint16_t slot : slots)
        store(page_->entries[slot].state, static_cast<std::uint32_t>(State::free));
}

Slot JournalLine::request(std::uint16_t slot) const
{
    return page_->entries[slot].request;
}

std::size_t Journal::bytes()
{
    constexpr std::size_t kLine =
        (sizeof(JournalLine::Page) + kPageSize - 1) / kPageSize * kPageSize;
    return kMaxQueues * kLine;
}

Outcome<Journal> Journal::open(UniqueFd file)
{
    int flags = MAP_SHARED;
    if (file) {
        struct stat facts {};
        if (::fstat(file.get(), &facts) != 0)
            return system_error("cannot examine a disk's journal", errno);
        if (std::cmp_less(facts.st_size, bytes()) &&
            ::ftruncate(file.get(), static_cast<off_t>(bytes())) != 0)
            return system_error("cannot get memory for a disk's journal", errno);
    } else {
        flags = MAP_PRIVATE | MAP_ANONYMOUS;
    }
    void* at = ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, flags, file.get(), 0);
    if (at == MAP_FAILED)
        return system_error("cannot map a disk's journal", errno);
    return Journal{static_cast<std::byte*>(at)};
}

Journal::Journal(Journal&& other) noexcept : base_{std::exchange(other.base_, nullptr)} {}

Journal::~Journal()
{
    if (base_ != nullptr)
        ::munmap(base_, bytes());
}

JournalLine Journal::line(std::size_t queue) const
{
    std::byte* at = base_ + queue * (bytes() / kMaxQueues);
    return JournalLine{*reinterpret_cast<JournalLine::Page*>(at)};
}

} // namespace zocalo::blk
