// SPDX-License-Identifier: Apache-2.0
// HashLog: a card's HashSettings in memory that outlives this process, so that the one that takes
// its place goes on hashing as the guest asked. Two copies in turn: a process may die while it
// writes one, and the other still holds what the guest was last told. What is found is to be
// checked, as by HashSettings::restore: the process that wrote it may have been taken over.
#pragma once

#include "backends/net/hash_settings.hpp"
#include "backends/net/ring_log.hpp"

#include <optional>
#include <span>

namespace zocalo::net {

class HashLog {
  public:
    HashLog() = default; // nothing is kept
    // `memory`: NetJournal::settings(); without any nothing is kept.
    explicit HashLog(std::span<std::byte> memory);

    // `ring`: the control ring.
    void begin(const RingIdentity& ring);
    void end();
    void keep(const HashSettings::Kept& settings);
    std::optional<HashSettings::Kept> recover(const RingIdentity& ring) const;

  private:
    struct Page;
    Page* page_ = nullptr;
};

} // namespace zocalo::net
