// SPDX-License-Identifier: Apache-2.0
// RingLog: which requests of a netif ring were taken and not answered, in memory that outlives this
// process. Frames may be lost, slots may not: a process that takes the place of one that died
// answers what was under way as failed, and goes on. An answer overwrites the request whose slot it
// takes, so the ring alone does not tell their ids.
//
// Whole packets only: slots count as taken once all of a packet were read, so that no packet is
// cut. What is found is checked: the process that wrote it may have been taken over.
#pragma once

#include "common/base/address.hpp"
#include "common/error/error.hpp"
#include "common/posix/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace zocalo::net {

inline constexpr std::size_t kRingSlots = 256;      // of both rings: one page
inline constexpr std::uint16_t kExtraSlot = 0xffff; // not a request: an extra-info slot

// Which ring a log belongs to.
struct RingIdentity {
    std::uint32_t domain{}, ref{}, port{};
    friend bool operator==(const RingIdentity&, const RingIdentity&) = default;
};

class RingLog {
  public:
    struct Found {
        std::uint32_t taken{};          // as the ring's index
        std::uint32_t answered{};       // that the guest can see
        std::vector<std::uint16_t> ids; // of those between
    };

    RingLog() = default; // nothing is kept
    void begin(const RingIdentity& ring);
    void end();
    bool in_use() const;
    std::optional<Found> recover(const RingIdentity& ring, std::uint32_t shown);

    // `index` counts on the ring; ids up to it are noted before.
    void note(std::uint32_t index, std::uint16_t id);
    void taken(std::uint32_t index);
    void answered(std::uint32_t index);

  private:
    friend class NetJournal;
    struct Page;
    explicit RingLog(Page& page) : page_{&page} {}
    Page* page_ = nullptr;
};

// The logs of a card: one per queue and direction, and memory for what its guest set.
class NetJournal {
  public:
    static constexpr std::size_t kQueues = 16;
    static constexpr std::size_t kLogBytes = 1024; // of each

    // Without a file nothing is kept.
    static Outcome<NetJournal> open(UniqueFd file);
    NetJournal() = default;
    NetJournal(NetJournal&& other) noexcept;
    NetJournal& operator=(NetJournal&& other) noexcept;
    ~NetJournal();

    RingLog tx(std::size_t queue) const { return log(2 * queue); }
    RingLog rx(std::size_t queue) const { return log(2 * queue + 1); }
    // For HashLog: kLogBytes, or none.
    std::span<std::byte> settings() const;

  private:
    explicit NetJournal(std::byte* base) : base_{base} {}
    RingLog log(std::size_t index) const;
    std::byte* base_ = nullptr;
};

} // namespace zocalo::net
