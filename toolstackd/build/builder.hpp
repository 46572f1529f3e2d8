// SPDX-License-Identifier: Apache-2.0
// The domain builder: makes a PV or PVH domain and puts a kernel into it, up to the point where it
// can be unpaused. Used by the daemon's hypervisor layer on a pool thread; several builds may run
// at once. It knows nothing of xenstore, devices, affinity or schedulers.
#pragma once

#include "toolstackd/build/kernel_store.hpp"
#include "toolstackd/build/xen_port.hpp"

#include <array>
#include <cstdint>
#include <string>

namespace zocalo::toolstack {

enum class TscMode : std::uint32_t { automatic = 0, emulate = 1, native = 2 }; // TSC_MODE_*

struct GuestSpec {
    bool pvh{};
    std::string kernel;  // ELF or bzImage
    std::string ramdisk; // empty: none
    std::string cmdline;
    std::uint64_t memory_mib{};
    std::uint64_t maxmem_mib{}; // 0: the same as memory_mib
    unsigned maxvcpus{1}; // which of them run at start is xenstore's word (cpu/N/availability)
    std::array<std::uint8_t, 16> uuid{};
    unsigned max_event_channels{1023};
    unsigned max_grant_frames{64};
    unsigned max_maptrack_frames{1024};
    TscMode tsc{TscMode::automatic};
    DomId store_domain{kDom0};   // who serves the xenstore ring
    DomId console_domain{kDom0}; // who serves the console ring
};

// What others need to know of a built domain. Ports are the domain's own numbers; frames are mfns
// for PV and gfns for PVH: what xs_introduce_domain and `console/ring-ref` want.
struct BuiltDomain {
    EventPort store_port, console_port;
    std::uint64_t store_frame{}, console_frame{};
};

// Code::usage for a specification no host could satisfy.
Outcome<Unit> check(const GuestSpec& spec);

// XEN_DOMCTL_createdomain and the limits. The domain is paused, has the handle `uuid` and no
// memory. When a limit is refused, the domain is destroyed again.
Outcome<DomId> create_domain(XenPort& port, const GuestSpec& spec);

// Fills the domain made by create_domain. On error the domain is left half-built and paused: the
// caller destroys it. Nothing stays mapped or open either way.
Outcome<BuiltDomain>
build_domain(XenPort& port, KernelStore& kernels, DomId id, const GuestSpec& spec);

} // namespace zocalo::toolstack
