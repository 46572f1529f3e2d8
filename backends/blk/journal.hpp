// SPDX-License-Identifier: Apache-2.0
// Journal: the requests of a disk that were taken from its rings and are not answered yet, in
// memory that outlives this process (a file on a tmpfs that toolstackd keeps and hands over). A new
// process goes on from it as if nothing had happened, and the guest notices no more than a pause.
//
// Needed because a ring alone does not tell: answers may come out of order, so an answer may lie in
// the slot of a request that is still under way. What is found here is checked like a guest's ring:
// the process that wrote it may have been taken over.
#pragma once

#include "backends/blk/wire.hpp"
#include "common/base/address.hpp"
#include "common/error/error.hpp"
#include "common/posix/unique_fd.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace zocalo::blk {

inline constexpr std::size_t kMaxQueues = 4;
// Slots of the largest ring: 16 pages.
inline constexpr std::size_t kMaxSlots = 512;

// Which ring a line of the journal belongs to: another one never continues it.
struct RingIdentity {
    std::uint32_t domain{};
    std::uint32_t port{};
    std::uint32_t abi{};
    std::uint32_t pages{};
    std::uint32_t slots{};
    std::array<std::uint32_t, backend::kMaxRefsPerQueue> refs{};
    friend bool operator==(const RingIdentity&, const RingIdentity&) = default;
};

// One queue's part.
class JournalLine {
  public:
    struct Found {
        std::uint32_t taken{};            // requests taken from the ring, as its index
        std::uint32_t answered{};         // answers the guest can see
        std::vector<std::uint16_t> slots; // entries not answered, oldest request first
    };

    // A new connection: nothing is under way.
    void begin(const RingIdentity& ring);
    // An orderly end: nothing is to be continued.
    void end();
    // Whether a connection is recorded here.
    bool in_use() const;
    // What the process before left, given how many answers the ring shows. Nothing when it is of
    // another ring or contradicts itself.
    std::optional<Found> recover(const RingIdentity& ring, std::uint32_t shown);

    // In the order of a request's life. `index` counts on the ring.
    void taken(std::uint16_t slot, std::uint32_t index, const Slot& request);
    void answered(std::uint16_t slot, std::uint32_t index);
    void published(std::uint32_t answers, std::span<const std::uint16_t> slots);

    Slot request(std::uint16_t slot) const;

  private:
    friend class Journal;
    struct Entry;
    struct Page;
    explicit JournalLine(Page& page) : page_{&page} {}
    Page* page_;
};

class Journal {
  public:
    // What the file must hold at least; it is made so large.
    static std::size_t bytes();

    // Without a file it is memory of this process: right, but it ends with it.
    static Outcome<Journal> open(UniqueFd file);
    Journal(Journal&& other) noexcept;
    Journal& operator=(Journal&&) = delete;
    ~Journal();

    JournalLine line(std::size_t queue) const;

  private:
    explicit Journal(std::byte* base) : base_{base} {}
    std::byte* base_;
};

} // namespace zocalo::blk
