// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/pv/io_ports.hpp"

#include <array>

namespace zocalo::hv::pv {
namespace {

struct Range {
    std::uint32_t first, last;
};

// Both PICs, the serial console.
constexpr std::array<Range, 3> kOurs{{{0x20, 0x21}, {0xa0, 0xa1}, {0x3f8, 0x3ff}}};

} // namespace

bool may_access_ports(const Domain& domain, std::uint16_t port, unsigned width)
{
    if (!domain.privileged)
        return false;
    const std::uint32_t last = port + width - 1;
    for (const Range& range : kOurs)
        if (port <= range.last && last >= range.first)
            return false;
    return last <= 0xffff;
}

} // namespace zocalo::hv::pv
