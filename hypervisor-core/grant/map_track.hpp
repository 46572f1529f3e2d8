// SPDX-License-Identifier: Apache-2.0
// MapTrack: which grants of others a domain uses, by the handles it was given for them. It is what
// an unmap is checked against and what a dead domain's uses are found by. Under the system lock.
#pragma once

#include "hypervisor-core/grant/grant_status.hpp"
#include "hypervisor-core/mm/memory.hpp"

#include <array>

namespace zocalo::hv {

// One use of a grant: a handle stands for it.
struct Mapping {
    std::uint32_t ref{};
    DomId granter{};
    bool used{};
    bool host : 1;     // a page-table entry of the domain maps it (GNTMAP_host_map)
    bool device : 1;   // its machine address was given out (GNTMAP_device_map)
    bool readonly : 1; // GNTMAP_readonly
    bool by_entry : 1; // host: the entry was named by its machine address (GNTMAP_contains_pte)
    std::uint32_t next{};

    constexpr Mapping() : host{}, device{}, readonly{}, by_entry{} {}
};

class MapTrack {
  public:
    static constexpr std::uint32_t kPerFrame = 256;
    static constexpr unsigned kMaxFrames = 512;

    // How many frames of handles there may be (at most kMaxFrames).
    void start(unsigned limit);

    // A handle for `mapping`; no_space.
    GrantResult<grant_handle_t> add(Memory& memory, const Mapping& mapping);
    // Null when no such handle is given out.
    Mapping* find(grant_handle_t handle);
    void remove(grant_handle_t handle);

    // All handles there ever were are below this.
    std::uint32_t end() const { return frames_ * kPerFrame; }
    // Gives the memory back; no handle may be in use.
    void release(Memory& memory);

  private:
    static constexpr std::uint32_t kNone = ~std::uint32_t{0};
    static_assert(sizeof(Mapping) * kPerFrame <= kPageSize);

    Mapping& at(std::uint32_t handle) { return tables_[handle / kPerFrame][handle % kPerFrame]; }
    bool add_frame(Memory& memory);

    std::array<Mapping*, kMaxFrames> tables_{};
    unsigned frames_{};
    unsigned limit_{};
    std::uint32_t free_{kNone};
};

} // namespace zocalo::hv
