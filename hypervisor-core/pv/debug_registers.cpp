// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/pv/debug_registers.hpp"

#include "hypervisor-core/hal/pv.hpp"

namespace zocalo::hv::pv {
namespace {

constexpr std::uint64_t kStatusAlwaysZero = 1 << 12;
constexpr std::uint64_t kControlAlwaysZero = 0xd800;
constexpr std::uint64_t kControlDetect = 1 << 13; // accesses to debug registers: traps in ring 0
constexpr unsigned kControlShift = 16, kControlBits = 4;
constexpr std::uint64_t kInputOutput = 2; // kind of access that a breakpoint waits for

constexpr bool is_guest_address(std::uint64_t address)
{
    return address >> 47 == 0 || address >= HYPERVISOR_VIRT_END;
}

bool has_extensions(const Vcpu& vcpu)
{
    return (vcpu.pv.cr4 & kCr4DebugExtensions) != 0;
}

// The enable bits of those breakpoints in `control` that wait for ports.
std::uint64_t port_breakpoints(std::uint64_t control)
{
    std::uint64_t enabled = 0;
    for (unsigned i = 0; i < 4; ++i)
        if ((control >> (kControlShift + i * kControlBits) & 3) == kInputOutput)
            enabled |= control & std::uint64_t{3} << (2 * i);
    return enabled;
}

Result<Unit> write_status(DebugRegisters& debug, std::uint64_t value)
{
    if (value >> 32 != 0)
        return Errno::inval;
    debug.status = (value & ~kStatusAlwaysZero) | DebugRegisters::kStatusAtFirst;
    return Unit{};
}

Result<Unit> write_control(Vcpu& vcpu, std::uint64_t value)
{
    constexpr std::uint64_t kEnabled = 0xff;
    if (value >> 32 != 0)
        return Errno::inval;
    if ((value & kControlDetect) != 0)
        return Errno::perm;
    value = (value & ~kControlAlwaysZero) | DebugRegisters::kControlAtFirst;
    bool any = false;
    for (unsigned i = 0; i < 4; ++i)
        any = any || (value >> (kControlShift + i * kControlBits) & 3) == kInputOutput;
    if ((value & kEnabled) != 0 && any && !has_extensions(vcpu))
        return Errno::perm;
    DebugRegisters& debug = vcpu.pv.debug;
    debug.io_control = port_breakpoints(value);
    debug.control = value & ~debug.io_control;
    return Unit{};
}

} // namespace

Result<Unit> write_debug_register(Vcpu& vcpu, std::uint64_t number, std::uint64_t value)
{
    DebugRegisters& debug = vcpu.pv.debug;
    switch (number) {
    case 0:
    case 1:
    case 2:
    case 3:
        if (!is_guest_address(value))
            return Errno::perm;
        debug.address[number] = value;
        break;
    case 4:
    case 6:
        if (number == 4 && has_extensions(vcpu))
            return Errno::nodev;
        TRY(write_status(debug, value));
        break;
    case 5:
    case 7:
        if (number == 5 && has_extensions(vcpu))
            return Errno::nodev;
        TRY(write_control(vcpu, value));
        break;
    default:
        return Errno::nodev;
    }
    hal::load_debug_registers(vcpu);
    return Unit{};
}

Result<std::uint64_t> read_debug_register(const Vcpu& vcpu, std::uint64_t number)
{
    const DebugRegisters& debug = vcpu.pv.debug;
    if (number < debug.address.size())
        return debug.address[number];
    const bool alias = number == 4 || number == 5;
    if (number > 7 || (alias && has_extensions(vcpu)))
        return Errno::nodev;
    return number % 2 == 0 ? debug.status : debug.control | debug.io_control;
}

void take_debug_status(Vcpu& vcpu)
{
    constexpr std::uint64_t kFirst = DebugRegisters::kStatusAtFirst;
    const std::uint64_t told = hal::take_debug_status();
    std::uint64_t& status = vcpu.pv.debug.status;
    // Some bits of it tell by being zero.
    status = (status | (told & ~kFirst)) & (told | ~kFirst);
}

} // namespace zocalo::hv::pv
