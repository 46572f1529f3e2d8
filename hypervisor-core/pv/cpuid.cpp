// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/pv/cpuid.hpp"

#include "hypervisor-core/hal/pv.hpp"
#include "hypervisor-core/pv/extended_state.hpp"

#include <xen/arch-x86/cpuid.h>

namespace zocalo::hv::pv {
namespace {

using hal::CpuidLeaf;

template <class... Bits> constexpr std::uint32_t bits(Bits... bit)
{
    return (0U | ... | (1U << bit));
}

// Bit numbers: Intel SDM volume 2, CPUID; AMD64 volume 3, appendix E.
// Leaf 1: no monitor, VMX, SMX, PCID, x2APIC, deadline timer. OSXSAVE is the vCPU's to say; XSAVE,
// FMA, AVX and F16C are shown as far as their state is switched.
constexpr std::uint32_t kHidden1c =
    bits(2U, 3U, 4U, 5U, 6U, 7U, 8U, 12U, 15U, 17U, 21U, 24U, 26U, 27U, 28U, 29U);
constexpr std::uint32_t kXsave1c = kXsaveBit, kAvx1c = bits(12U, 28U, 29U); // FMA, AVX, F16C
constexpr std::uint32_t kAvx7b = bits(5U);                                  // AVX2
constexpr std::uint32_t kHypervisor = bits(31U);
// No VME, PSE, MCE, SEP, MTRR, PGE, MCA, PSE-36, DS, ACPI, HTT, TM, PBE.
constexpr std::uint32_t kHidden1d =
    bits(1U, 3U, 7U, 11U, 12U, 13U, 14U, 17U, 21U, 22U, 28U, 29U, 31U);
// Leaf 7, only: BMI1, BMI2, fast string moves, RDSEED, ADX, CLFLUSHOPT, CLWB, SHA. FSGSBASE is
// hidden because a kernel that has it reads a base with a trap at each context switch.
constexpr std::uint32_t kShown7b = bits(3U, 8U, 9U, 18U, 19U, 23U, 24U, 29U);
// Leaf 0x80000001: no SVM, extended APIC, IBS, XOP, SKINIT, LWP, FMA4, topology, counters, MWAITX.
constexpr std::uint32_t kShownExt1c = bits(0U, 4U, 5U, 6U, 7U, 8U);
// SYSCALL, NX, MMXEXT, FXSR, FFXSR, LM, 3DNow and what mirrors leaf 1.
constexpr std::uint32_t kHiddenExt1d = bits(1U, 3U, 7U, 12U, 13U, 14U, 17U, 26U, 27U);
constexpr std::uint32_t kInvariantTsc = bits(8U);

constexpr std::uint32_t kMaxBasic = 0xd;
constexpr std::uint32_t kMaxExtended = 0x80000008;
constexpr std::uint32_t kExtended = 0x80000000;
constexpr std::uint32_t kXenLeaves = 0x40000000;
constexpr std::uint32_t kXenMax = kXenLeaves + 4;
constexpr std::uint32_t kVersion = 4 << 16 | 17;

CpuidLeaf xen_leaf(const System& system, std::uint32_t leaf, std::uint32_t subleaf)
{
    switch (leaf - kXenLeaves) {
    case 0:
        return {kXenMax, XEN_CPUID_SIGNATURE_EBX, XEN_CPUID_SIGNATURE_ECX, XEN_CPUID_SIGNATURE_EDX};
    case 1:
        return {kVersion, 0, 0, 0};
    case 2:
        return {0, 0, 0, 0}; // no hypercall page by MSR for paravirtual guests
    case 3:
        if (subleaf == 0)
            return {0, 0, static_cast<std::uint32_t>(system.tsc_hertz / 1000), 0};
        return {};
    default:
        return {};
    }
}

// Feature bits that may be shown, of those of XSAVE and those of AVX.
std::uint32_t with_state(std::uint32_t xsave, std::uint32_t avx)
{
    const std::uint64_t features = hal::extended_features();
    return (features != 0 ? xsave : 0) | ((features & kAvx) != 0 ? avx : 0);
}

// XSAVE: the sizes of the standard form. Compact forms and supervisor states are not offered.
CpuidLeaf state_leaf(std::uint32_t subleaf, const CpuidLeaf& machine)
{
    constexpr std::uint32_t kXsaveopt = bits(0U);
    const std::uint64_t features = hal::extended_features();
    const auto most = static_cast<std::uint32_t>(state_bytes(features));
    if (features == 0)
        return {};
    switch (subleaf) {
    case 0:
        return {static_cast<std::uint32_t>(features), most, most, 0};
    case 1:
        return {machine.eax & kXsaveopt, 0, 0, 0};
    case 2:
        return (features & kAvx) != 0 ? CpuidLeaf{machine.eax, machine.ebx, 0, 0} : CpuidLeaf{};
    default:
        return {};
    }
}

CpuidLeaf basic_leaf(std::uint32_t leaf, std::uint32_t subleaf)
{
    CpuidLeaf out = hal::cpuid(leaf, subleaf);
    switch (leaf) {
    case 0:
        out.eax = out.eax < kMaxBasic ? out.eax : kMaxBasic;
        return out;
    case 1:
        out.ebx &= 0x00ffff00; // not this processor's APIC id
        out.ecx = (out.ecx & (~kHidden1c | with_state(kXsave1c, kAvx1c))) | kHypervisor;
        out.edx &= ~kHidden1d;
        return out;
    case 2:
    case 4:
        return out;
    case 7:
        if (subleaf != 0)
            return {};
        return {0, out.ebx & (kShown7b | with_state(0, kAvx7b)), 0, 0};
    case 0xd:
        return state_leaf(subleaf, out);
    default:
        return {};
    }
}

CpuidLeaf extended_leaf(std::uint32_t leaf, std::uint32_t subleaf)
{
    CpuidLeaf out = hal::cpuid(leaf, subleaf);
    switch (leaf & 0xffff) {
    case 0:
        out.eax = out.eax < kMaxExtended ? out.eax : kMaxExtended;
        return out;
    case 1:
        out.ecx &= kShownExt1c;
        out.edx &= ~kHiddenExt1d;
        return out;
    case 7:
        return {0, 0, 0, out.edx & kInvariantTsc};
    case 8:
        return {out.eax, 0, 0, 0};
    default:
        return (leaf & 0xffff) <= 6 ? out : CpuidLeaf{};
    }
}

CpuidLeaf most_leaf(const System& system, std::uint32_t leaf, std::uint32_t subleaf)
{
    if (leaf >= kXenLeaves && leaf <= kXenMax)
        return xen_leaf(system, leaf, subleaf);
    if (leaf <= kMaxBasic)
        return basic_leaf(leaf, subleaf);
    if (leaf >= kExtended && leaf <= kMaxExtended)
        return extended_leaf(leaf, subleaf);
    return {};
}

// Features can only be taken away; numbers that describe the processor may be others.
CpuidLeaf restricted(const CpuidLeaf& most, const xen_cpuid_leaf_t& wanted)
{
    switch (wanted.leaf) {
    case 0:
    case kExtended:
        return {most.eax < wanted.a ? most.eax : wanted.a, most.ebx, most.ecx, most.edx};
    case 1:
        return {wanted.a, wanted.b, (most.ecx & wanted.c) | kHypervisor, most.edx & wanted.d};
    case kExtended + 1:
        return {wanted.a, wanted.b, most.ecx & wanted.c, most.edx & wanted.d};
    case kExtended + 8:
        return {wanted.a, most.ebx & wanted.b, wanted.c, wanted.d};
    case 7:
    case 0xd:
    case kExtended + 7:
        return {most.eax & wanted.a, most.ebx & wanted.b, most.ecx & wanted.c, most.edx & wanted.d};
    default:
        return {wanted.a, wanted.b, wanted.c, wanted.d};
    }
}

} // namespace

CpuidLeaf
guest_cpuid(const System& system, const Domain& domain, std::uint32_t leaf, std::uint32_t subleaf)
{
    const CpuidLeaf most = most_leaf(system, leaf, subleaf);
    if (leaf >= kXenLeaves && leaf <= kXenMax) // who is below is not theirs to say
        return most;
    const xen_cpuid_leaf_t* const wanted = domain.cpuid.find(leaf, subleaf);
    return wanted != nullptr ? restricted(most, *wanted) : most;
}

} // namespace zocalo::hv::pv
