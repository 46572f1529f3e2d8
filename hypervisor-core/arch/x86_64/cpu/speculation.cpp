// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/x86_64/cpu/speculation.hpp"

#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"
#include "hypervisor-core/console/log.hpp"
#include "hypervisor-core/hal/speculation.hpp"

extern "C" std::uint8_t indirect_thunks[], indirect_thunks_end[];

namespace zocalo::hv {
namespace {

constexpr std::uint32_t kMsrSpecCtrl = 0x48, kMsrPredictorCommand = 0x49;
constexpr std::uint32_t kMsrArchCapabilities = 0x10a;
constexpr std::uint32_t kMsrEfer = 0xc0000080;
constexpr std::uint64_t kIbrs = 1 << 0, kIbpb = 1 << 0;
constexpr std::uint64_t kAutomaticIbrs = 1 << 21; // EFER, AMD
constexpr std::uint64_t kNoMeltdown = 1 << 0, kIbrsAll = 1 << 1, kNoMds = 1 << 5;

// What the processor has, and what it does not need.
struct Features {
    bool ibpb{};
    bool ibrs_always{};    // "enhanced": set once
    bool automatic_ibrs{}; // the same, AMD's
    bool meltdown{};       // ring 3 may read what is mapped for ring 0
    bool mds{};            // and what is left in the processor's buffers
};

struct Defences {
    bool ibpb{}, ibrs{}, automatic_ibrs{};
};
constinit Defences chosen{};

bool is_intel()
{
    constexpr std::uint32_t kGenu = 0x756e6547;
    return x86::cpuid(0).ebx == kGenu;
}

Features find_features()
{
    constexpr std::uint32_t kSpecCtrlBit = 1U << 26, kArchCapabilitiesBit = 1U << 29;
    constexpr std::uint32_t kAmdIbpbBit = 1U << 12, kAmdAutomaticBit = 1U << 8;
    Features found;
    if (x86::cpuid(0).eax >= 7) {
        const std::uint32_t edx = x86::cpuid(7).edx;
        found.ibpb = (edx & kSpecCtrlBit) != 0;
        const std::uint64_t capabilities =
            (edx & kArchCapabilitiesBit) != 0 ? x86::read_msr(kMsrArchCapabilities) : 0;
        found.ibrs_always = found.ibpb && (capabilities & kIbrsAll) != 0;
        found.meltdown = is_intel() && (capabilities & kNoMeltdown) == 0;
        found.mds = is_intel() && (capabilities & kNoMds) == 0;
    }
    const std::uint32_t last = x86::cpuid(0x80000000).eax;
    if (last >= 0x80000008)
        found.ibpb = found.ibpb || (x86::cpuid(0x80000008).ebx & kAmdIbpbBit) != 0;
    if (last >= 0x80000021)
        found.automatic_ibrs = (x86::cpuid(0x80000021).eax & kAmdAutomaticBit) != 0;
    return found;
}

// jmp *%register in the place of each thunk.
void use_plain_branches()
{
    constexpr std::ptrdiff_t kThunkBytes = 32;
    constexpr std::uint8_t kExtended = 0x41, kGroup = 0xff, kJump = 0xe0;
    unsigned number = 0;
    for (std::uint8_t* at = indirect_thunks; at != indirect_thunks_end; at += kThunkBytes) {
        std::uint8_t* to = at;
        if (number >= 8)
            *to++ = kExtended;
        *to++ = kGroup;
        *to = static_cast<std::uint8_t>(kJump + (number & 7));
        ++number;
    }
}

} // namespace

void hal::stop_speculation()
{
    asm volatile("lfence" : : : "memory");
}

void choose_defences(const Options& options)
{
    const Features found = find_features();
    const bool wanted = options.speculation == Speculation::by_processor;
    chosen.ibpb = found.ibpb && options.speculation != Speculation::none;
    chosen.ibrs = wanted && found.ibrs_always;
    chosen.automatic_ibrs = wanted && found.automatic_ibrs;
    const bool thunks = options.speculation == Speculation::retpoline ||
                        (wanted && !chosen.ibrs && !chosen.automatic_ibrs);
    if (!thunks)
        use_plain_branches();
    log("speculation: indirect branches ",
        thunks                  ? "by retpoline"
        : chosen.ibrs           ? "under IBRS"
        : chosen.automatic_ibrs ? "under automatic IBRS"
                                : "undefended",
        chosen.ibpb ? ", IBPB between domains" : "");
    if (found.meltdown)
        log("speculation: PV guests of this processor may read all memory (Meltdown): run only "
            "guests you trust");
    if (found.mds)
        log("speculation: this processor leaks its buffers between domains (MDS): run only guests "
            "you trust");
}

void start_defences()
{
    if (chosen.ibrs)
        x86::write_msr(kMsrSpecCtrl, kIbrs);
    if (chosen.automatic_ibrs)
        x86::write_msr(kMsrEfer, x86::read_msr(kMsrEfer) | kAutomaticIbrs);
}

void forget_branches()
{
    if (chosen.ibpb)
        x86::write_msr(kMsrPredictorCommand, kIbpb);
}

} // namespace zocalo::hv
