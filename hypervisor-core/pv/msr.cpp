// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/pv/msr.hpp"

#include "hypervisor-core/hal/pv.hpp"

namespace zocalo::hv::pv {
namespace {

// Intel SDM volume 4; AMD64 volume 2, appendix A.
constexpr std::uint32_t kApicBase = 0x1b;
constexpr std::uint32_t kMicrocode = 0x8b;
constexpr std::uint32_t kPat = 0x277;
constexpr std::uint32_t kEfer = 0xc0000080;
constexpr std::uint32_t kFsBase = 0xc0000100;
constexpr std::uint32_t kGsBase = 0xc0000101;
constexpr std::uint32_t kOtherGsBase = 0xc0000102;
constexpr std::uint32_t kInterruptPending = 0xc0010055; // AMD erratum 400: absent

constexpr std::uint64_t kApicEnabled = 0xfee00800;
constexpr std::uint64_t kBootProcessor = 1 << 8;
constexpr std::uint64_t kPatValue = 0x0000050100070406; // arch/x86_64/cpu/descriptors.cpp sets it
constexpr std::uint64_t kEferValue = 1 << 0 | 1 << 8 | 1 << 10 | 1 << 11; // SCE LME LMA NXE

constexpr bool is_canonical(std::uint64_t address)
{
    const std::uint64_t top = address >> 47;
    return top == 0 || top == 0x1ffff;
}

} // namespace

std::optional<std::uint64_t> read_guest_msr(const Vcpu& vcpu, std::uint32_t index)
{
    switch (index) {
    case kApicBase:
        return kApicEnabled | (vcpu.id == 0 ? kBootProcessor : 0);
    case kPat:
        return kPatValue;
    case kEfer:
        return kEferValue;
    case kFsBase:
        return hal::fs_base();
    case kGsBase:
        return hal::gs_base();
    case kOtherGsBase:
        return hal::other_gs_base();
    case kInterruptPending:
        return std::nullopt;
    case kMicrocode:
    default:
        // Kernels read many that tell nothing to a guest, not all of them with a net.
        return 0;
    }
}

bool write_guest_msr(Vcpu& vcpu, std::uint32_t index, std::uint64_t value)
{
    static_cast<void>(vcpu);
    switch (index) {
    case kFsBase:
    case kGsBase:
    case kOtherGsBase:
        if (!is_canonical(value))
            return false;
        break;
    default:
        return true; // dropped
    }
    if (index == kFsBase)
        hal::set_fs_base(value);
    else if (index == kGsBase)
        hal::set_gs_base(value);
    else
        hal::set_other_gs_base(value);
    return true;
}

} // namespace zocalo::hv::pv
