// SPDX-License-Identifier: Apache-2.0
// Which segment descriptors a guest may have. Source: Intel SDM volume 3, section 3.4.5.
#pragma once

#include "common/base/result.hpp"

#include <cstdint>

namespace zocalo::hv {

// The descriptor as the guest gets it: ring 3 and marked accessed (so that the processor never
// writes to it). System descriptors (gates, TSS, LDT) would lead to the hypervisor's ring: inval;
// the type 0 among them leads nowhere.
constexpr Result<std::uint64_t> check_descriptor(std::uint64_t descriptor)
{
    constexpr std::uint64_t kPresent = std::uint64_t{1} << 47;
    constexpr std::uint64_t kRing3 = std::uint64_t{3} << 45;
    constexpr std::uint64_t kCodeOrData = std::uint64_t{1} << 44;
    constexpr std::uint64_t kAccessed = std::uint64_t{1} << 40;
    constexpr std::uint64_t kType = std::uint64_t{0x1f} << 40;
    if ((descriptor & kPresent) == 0 || (descriptor & kType) == 0)
        return descriptor;
    if ((descriptor & kCodeOrData) == 0)
        return Errno::inval;
    return descriptor | kRing3 | kAccessed;
}

} // namespace zocalo::hv
