// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/pv/io_ports.hpp"

#include "hypervisor-core/hal/memory.hpp"
#include "hypervisor-core/hal/pv.hpp"

#include <array>

namespace zocalo::hv::pv {
namespace {

struct Range {
    std::uint32_t first, last;
};

// Both PICs, the serial console.
constexpr std::array<Range, 3> kOurs{{{0x20, 0x21}, {0xa0, 0xa1}, {0x3f8, 0x3ff}}};

} // namespace

bool has_io_privilege(const Vcpu& vcpu)
{
    const bool architectural = vcpu.domain->assists(VMASST_TYPE_architectural_iopl);
    const unsigned ring = !vcpu.pv.in_kernel ? 3 : architectural ? 0 : 1;
    return ring <= vcpu.pv.io_privilege;
}

bool may_use_ports(Vcpu& vcpu, std::uint16_t port, unsigned width)
{
    if (has_io_privilege(vcpu))
        return true;
    const PvState& pv = vcpu.pv;
    if (pv.io_bitmap == 0 || port + width > pv.io_bitmap_ports)
        return false;
    // The bitmap lies in the kernel's address space.
    const bool from_user = !pv.in_kernel;
    const auto change_mode = [&] {
        vcpu.pv.in_kernel = !vcpu.pv.in_kernel;
        hal::switch_mode(vcpu);
    };
    if (from_user)
        change_mode();
    std::array<std::uint8_t, 2> bits{};
    const unsigned last = (port + width - 1U) / 8;
    const bool read =
        hal::copy_from_guest(bits.data(), pv.io_bitmap + port / 8, last == port / 8 ? 1 : 2);
    if (from_user)
        change_mode();
    const unsigned word = bits[0] | static_cast<unsigned>(bits[1]) << 8;
    return read && (word >> (port % 8) & ((1U << width) - 1)) == 0;
}

bool may_access_ports(const Domain& domain, std::uint16_t port, unsigned width)
{
    const std::uint32_t last = port + width - 1;
    if (!domain.privileged && !domain.io_ports.covers(port, last))
        return false;
    for (const Range& range : kOurs)
        if (port <= range.last && last >= range.first)
            return false;
    return last <= 0xffff;
}

} // namespace zocalo::hv::pv
