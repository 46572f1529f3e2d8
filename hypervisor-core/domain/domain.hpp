// SPDX-License-Identifier: Apache-2.0
// Domain: a guest and everything that is its own. Made and unmade by domain/life.hpp. Under the
// system lock.
#pragma once

#include "common/base/address.hpp"
#include "hypervisor-core/domain/cpuid_list.hpp"
#include "hypervisor-core/domain/vcpu.hpp"
#include "hypervisor-core/event/event_table.hpp"
#include "hypervisor-core/grant/grant_table.hpp"
#include "hypervisor-core/grant/map_track.hpp"
#include "hypervisor-core/mm/frame_table.hpp"

#include <xen/event_channel.h>

#include <array>

namespace zocalo::hv {

inline constexpr unsigned kMaxVcpus = 128;

// One line of the memory map a guest is shown, as ACPI and e820 have it.
struct [[gnu::packed]] MemoryMapEntry {
    std::uint64_t start, length;
    std::uint32_t type;
};

// How far destroying a domain has come (destroy.hpp).
enum class EndStage : std::uint8_t { alive, channels, vcpus, memory, mappings, over };

// FIFO event channels (event_fifo.hpp): the pages with the event words.
struct EventFifo {
    static constexpr std::uint32_t kWordsPerPage = kPageSize / sizeof(event_word_t);
    static constexpr unsigned kMostPages = EventTable::kMaxPorts / kWordsPerPage;

    bool active{};
    unsigned pages{};
    std::array<Mfn, kMostPages> frames{};
};

struct Domain {
    DomId id{};
    bool privileged{}; // may do to others what dom0 does (policy.hpp)
    std::array<std::uint8_t, 16> handle{};
    OwnedFrames memory;
    Mfn shared_frame{};
    shared_info* shared{};
    EventTable events;
    EventFifo fifo;
    GrantTable grants; // what others may use of it
    MapTrack mappings; // what it uses of others
    SchedGroup sched;
    unsigned vcpu_limit{};
    std::array<Vcpu*, kMaxVcpus> vcpus{};

    CpuidList cpuid;

    unsigned pauses{};
    bool started{}; // was unpaused at least once
    bool dying{};
    bool shut_down{};
    std::uint32_t shutdown_reason{};
    std::uint64_t vm_assist{};
    EndStage end_stage{EndStage::alive};
    std::uint32_t end_progress{};

    // What the tools said of it, to be told back.
    std::uint32_t security_label{};
    std::uint64_t claimed{}; // frames, XENMEM_claim_pages
    unsigned tool_pauses{};  // how many of `pauses` are theirs
    IoRanges io_ports;       // XEN_DOMCTL_ioport_permission
    IoRanges io_memory;      // frames, XEN_DOMCTL_iomem_permission
    static constexpr unsigned kMaxMapEntries = 128;
    std::array<MemoryMapEntry, kMaxMapEntries> memory_map{}; // XENMEM_set_memory_map
    unsigned memory_map_entries{};

    Vcpu* vcpu(std::uint64_t number) const
    {
        return number < vcpu_limit ? vcpus[static_cast<std::size_t>(number)] : nullptr;
    }
    MapRights rights() const { return {id, id, privileged, &io_memory}; }
    bool assists(unsigned type) const { return (vm_assist >> type & 1) != 0; } // VMASST_TYPE_*
};

} // namespace zocalo::hv
