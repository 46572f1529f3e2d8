// SPDX-License-Identifier: Apache-2.0
// Mapper: the hypervisor's own page tables. Only the hypervisor's L4 slots; every L4 of a guest
// shares what is below them.
#pragma once

#include "hypervisor-core/mm/memory.hpp"
#include "hypervisor-core/mm/pte.hpp"

namespace zocalo::hv {

class Mapper {
  public:
    // `root` is an empty L4.
    Mapper(Memory& memory, Mfn root) : memory_{memory}, root_{root} {}

    // `bytes` at `va` onto machine address `address`, in 2 MiB pages where both are aligned so.
    void map(std::uint64_t va, std::uint64_t address, std::uint64_t bytes, std::uint64_t flags);
    Mfn root() const { return root_; }
    // The level-1 entry of `va`, made if need be.
    std::uint64_t& level1(std::uint64_t va) { return entry(va, 1, 0); }

  private:
    std::uint64_t& entry(std::uint64_t va, unsigned level, std::uint64_t table_flags);

    Memory& memory_;
    Mfn root_;
};

inline constexpr std::uint64_t kReadOnly = Pte::kPresent | Pte::kAccessed | Pte::kNoExecute;
inline constexpr std::uint64_t kReadWrite = kReadOnly | Pte::kWritable | Pte::kDirty;
inline constexpr std::uint64_t kExecutable = Pte::kPresent | Pte::kAccessed;
inline constexpr std::uint64_t kDevice = kReadWrite | Pte::kCacheDisable | Pte::kWriteThrough;
inline constexpr std::uint64_t kGuestReadable = kReadOnly | Pte::kUser;

} // namespace zocalo::hv
