// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/x86_64/cpu/features.hpp"

#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"
#include "hypervisor-core/console/log.hpp"

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

} // namespace

void require_features()
{
    for (const Feature& feature : kNeeded)
        if ((x86::cpuid(feature.leaf).edx >> feature.edx_bit & 1) == 0)
            panic("this processor has no ", feature.name, ": use another one");
}

} // namespace zocalo::hv
