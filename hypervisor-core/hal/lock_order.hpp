// SPDX-License-Identifier: Apache-2.0
// LockOrder: which locks a processor holds, and whether it may take one more. Locks are taken in
// the order of LockRank, each at most once; whoever takes one asks here first, in every build,
// since that costs three instructions. It is no lock itself.
#pragma once

#include <cstdint>

namespace zocalo::hv {

enum class LockRank : std::uint8_t {
    system,  // arch/x86_64/cpu/system_lock.hpp
    console, // arch/x86_64/cpu/console_lock.hpp
};

class LockOrder {
  public:
    // Neither this one nor one that comes after it is held.
    constexpr bool may_take(LockRank rank) const
    {
        return held_ >> static_cast<unsigned>(rank) == 0;
    }
    constexpr bool holds(LockRank rank) const { return (held_ & bit(rank)) != 0; }
    constexpr void took(LockRank rank) { held_ = static_cast<std::uint8_t>(held_ | bit(rank)); }
    constexpr void dropped(LockRank rank) { held_ = static_cast<std::uint8_t>(held_ & ~bit(rank)); }

  private:
    static constexpr unsigned bit(LockRank rank) { return 1U << static_cast<unsigned>(rank); }

    std::uint8_t held_{};
};

} // namespace zocalo::hv
