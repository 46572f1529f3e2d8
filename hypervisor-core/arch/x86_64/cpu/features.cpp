// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/x86_64/cpu/features.hpp"

#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"
#include "hypervisor-core/console/log.hpp"
#include "hypervisor-core/hal/pv.hpp"
#include "hypervisor-core/pv/extended_state.hpp"

#include <array>

namespace zocalo::hv {
namespace {

struct Feature {
    std::string_view name;
    std::uint32_t leaf;
    unsigned edx_bit;
};

// Long mode and no-execute pages are looked at before there is C++ (boot/entry32.S).
constexpr std::array<Feature, 8> kNeeded{{
    {"a time stamp counter", 1, 4},
    {"model-specific registers", 1, 5},
    {"a local APIC", 1, 9},
    {"page attributes (PAT)", 1, 16},
    {"FXSAVE", 1, 24},
    {"SSE", 1, 25},
    {"SSE2", 1, 26},
    {"SYSCALL", 0x80000001, 11},
}};

std::uint64_t offered_features()
{
    if ((x86::cpuid(1).ecx & pv::kXsaveBit) == 0)
        return 0;
    const std::uint64_t has = x86::cpuid(pv::kExtendedStateLeaf).eax & pv::kOfferedFeatures;
    return pv::is_xcr0(has, pv::kOfferedFeatures) ? has : 0;
}

// Asked for at each switch; set while the first processor starts.
constinit std::uint64_t offered = 0;

} // namespace

std::uint64_t hal::extended_features()
{
    return offered;
}

void start_extended_state()
{
    offered = offered_features(); // the same on all processors
    if (offered == 0)
        return;
    x86::write_cr4(x86::read_cr4() | pv::kCr4OsXsave);
    x86::write_xcr0(offered);
}

void require_features()
{
    for (const Feature& feature : kNeeded)
        if ((x86::cpuid(feature.leaf).edx >> feature.edx_bit & 1) == 0)
            panic("this processor has no ", feature.name, ": use another one");
}

} // namespace zocalo::hv
