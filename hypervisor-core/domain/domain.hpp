// SPDX-License-Identifier: Apache-2.0
// Domain: a guest and everything that is its own. Made and unmade by domain/life.hpp. Under the
// system lock.
#pragma once

#include "common/base/address.hpp"
#include "hypervisor-core/domain/vcpu.hpp"
#include "hypervisor-core/event/event_table.hpp"
#include "hypervisor-core/grant/grant_table.hpp"
#include "hypervisor-core/mm/frame_table.hpp"

#include <array>

namespace zocalo::hv {

inline constexpr unsigned kMaxVcpus = 128;

struct Domain {
    DomId id{};
    bool privileged{}; // may do to others what dom0 does (policy.hpp)
    std::array<std::uint8_t, 16> handle{};
    OwnedFrames memory;
    Mfn shared_frame{};
    shared_info* shared{};
    EventTable events;
    GrantTable grants;
    unsigned vcpu_limit{};
    std::array<Vcpu*, kMaxVcpus> vcpus{};

    unsigned pauses{};
    bool dying{};
    bool shut_down{};
    std::uint32_t shutdown_reason{};
    std::uint64_t vm_assist{};

    Vcpu* vcpu(std::uint64_t number) const
    {
        return number < vcpu_limit ? vcpus[static_cast<std::size_t>(number)] : nullptr;
    }
    MapRights rights() const { return {id, id, privileged}; }
};

} // namespace zocalo::hv
