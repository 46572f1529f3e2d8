// SPDX-License-Identifier: Apache-2.0
// The two halves of build_domain, one per guest type; only builder.cpp calls them.
#pragma once

#include "toolstackd/build/builder.hpp"
#include "toolstackd/build/guest_memory.hpp"

namespace zocalo::toolstack {

// What both need: ports are allocated, files are open.
struct BuildInput {
    DomId id;
    const GuestSpec& spec;
    const Kernel& kernel;
    const Ramdisk& ramdisk;
    std::uint64_t pages{};    // at start
    std::uint64_t maxpages{}; // ever
};

Outcome<BuiltDomain> build_pv(XenPort& port, const BuildInput& input);
Outcome<BuiltDomain> build_pvh(XenPort& port, const BuildInput& input);

// Event channels of both rings; the frames are the caller's to fill in.
Outcome<BuiltDomain> allocate_ports(XenPort& port, const BuildInput& input);

// "kernel PATH: why"
Error cannot_build(const GuestSpec& spec, xen::BuildFault fault);

} // namespace zocalo::toolstack
