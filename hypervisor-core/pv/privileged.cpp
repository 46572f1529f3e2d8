// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/hal/devices.hpp"
#include "hypervisor-core/hal/memory.hpp"
#include "hypervisor-core/hal/pv.hpp"
#include "hypervisor-core/pv/cpuid.hpp"
#include "hypervisor-core/pv/debug_registers.hpp"
#include "hypervisor-core/pv/emulate.hpp"
#include "hypervisor-core/pv/extended_state.hpp"
#include "hypervisor-core/pv/flags.hpp"
#include "hypervisor-core/pv/instruction.hpp"
#include "hypervisor-core/pv/io_ports.hpp"
#include "hypervisor-core/pv/msr.hpp"

namespace zocalo::hv::pv {
namespace {

constexpr std::uint64_t kLow32 = 0xffffffff;
constexpr std::uint64_t kCr0 = 0x80050033; // PG AM WP NE ET MP PE

// Two answers depend on what the vCPU has switched on. Kernels that ask Xen by name take OSXSAVE
// for "XSAVE may be used", since Xen has always shown its own there, and switch it on only then.
void answer_cpuid(const System& system, const Vcpu& vcpu, TrapFrame& frame, bool by_name)
{
    const auto number = static_cast<std::uint32_t>(frame.rax);
    const auto subleaf = static_cast<std::uint32_t>(frame.rcx);
    auto leaf = guest_cpuid(system, *vcpu.domain, number, subleaf);
    if (number == 1 && (leaf.ecx & kXsaveBit) != 0 &&
        ((vcpu.pv.cr4 & kCr4OsXsave) != 0 || (by_name && vcpu.pv.in_kernel)))
        leaf.ecx |= kOsXsaveBit;
    if (number == kExtendedStateLeaf && subleaf == 0 && leaf.eax != 0)
        leaf.ebx = static_cast<std::uint32_t>(state_bytes(vcpu.pv.xcr0));
    frame.rax = leaf.eax;
    frame.rbx = leaf.ebx;
    frame.rcx = leaf.ecx;
    frame.rdx = leaf.edx;
}

bool access_port(Vcpu& vcpu, TrapFrame& frame, const Instruction& instruction)
{
    const auto port = static_cast<std::uint16_t>(
        instruction.has_immediate ? instruction.immediate & 0xff : frame.rdx
    );
    if (!may_use_ports(vcpu, port, instruction.width))
        return false;
    const bool allowed = may_access_ports(*vcpu.domain, port, instruction.width);
    if (instruction.operation == Operation::out) {
        if (allowed)
            hal::write_port(port, static_cast<std::uint32_t>(frame.rax), instruction.width);
        return true;
    }
    const std::uint64_t value =
        allowed ? hal::read_port(port, instruction.width) : ~std::uint32_t{0};
    const std::uint64_t mask =
        instruction.width == 4 ? kLow32 : (std::uint64_t{1} << 8 * instruction.width) - 1;
    frame.rax = instruction.width == 4 ? value & mask : (frame.rax & ~mask) | (value & mask);
    return true;
}

// INS and OUTS. Sets `again` when elements are left: the instruction is met once more for those.
bool access_port_string(Vcpu& vcpu, TrapFrame& frame, const Instruction& instruction, bool& again)
{
    constexpr std::uint64_t kBatch = 256;
    constexpr std::uint64_t kDirection = 1 << 10;
    const auto port = static_cast<std::uint16_t>(frame.rdx);
    if (!may_use_ports(vcpu, port, instruction.width))
        return false;
    const bool allowed = may_access_ports(*vcpu.domain, port, instruction.width);
    const bool reads = instruction.operation == Operation::in_string;
    std::uint64_t& address = reads ? frame.rdi : frame.rsi;
    const std::uint64_t step = (frame.rflags & kDirection) != 0
                                   ? ~std::uint64_t{instruction.width} + 1
                                   : instruction.width;
    std::uint64_t left = instruction.repeated ? frame.rcx : 1;
    for (std::uint64_t i = 0; i < kBatch && left != 0; ++i, --left, address += step) {
        std::uint32_t value = ~std::uint32_t{0};
        if (!reads && !hal::copy_from_guest(&value, address, instruction.width))
            return false;
        if (allowed && reads)
            value = hal::read_port(port, instruction.width);
        else if (allowed)
            hal::write_port(port, value, instruction.width);
        if (reads && !hal::copy_to_guest(address, &value, instruction.width))
            return false;
        if (instruction.repeated)
            frame.rcx = left - 1;
    }
    again = left != 0;
    return true;
}

bool access_msr(Vcpu& vcpu, TrapFrame& frame, const Instruction& instruction)
{
    const auto index = static_cast<std::uint32_t>(frame.rcx);
    if (instruction.operation == Operation::write_msr)
        return write_guest_msr(vcpu, index, frame.rdx << 32 | (frame.rax & kLow32));
    const auto value = read_guest_msr(vcpu, index);
    if (!value)
        return false;
    frame.rax = *value & kLow32;
    frame.rdx = *value >> 32;
    return true;
}

bool read_control(const Vcpu& vcpu, TrapFrame& frame, const Instruction& instruction)
{
    constexpr std::uint64_t kCr4 = 1 << 5 | 1 << 9 | 1 << 10; // PAE OSFXSR OSXMMEXCPT
    std::uint64_t& target = register_of(frame, instruction.reg);
    switch (instruction.control) {
    case 0:
        target = kCr0 | (vcpu.pv.task_switched ? 1 << 3 : 0);
        return true;
    case 2:
        target = vcpu.info->arch.cr2;
        return true;
    case 3:
        target = vcpu.pv.kernel_table.value << kPageShift;
        return true;
    case 4:
        target = kCr4 | vcpu.pv.cr4;
        return true;
    default:
        return false;
    }
}

void set_task_switched(Vcpu& vcpu, bool set)
{
    vcpu.pv.task_switched = set;
    hal::set_task_switched(set);
}

bool write_control(Vcpu& vcpu, TrapFrame& frame, const Instruction& instruction)
{
    constexpr std::uint64_t kTaskSwitched = 1 << 3;
    constexpr std::uint64_t kGuestCr4 = 1 << 2 | kCr4DebugExtensions; // TSD; others are not its
    const std::uint64_t own = kGuestCr4 | (hal::extended_features() != 0 ? kCr4OsXsave : 0);
    const std::uint64_t value = register_of(frame, instruction.reg);
    switch (instruction.control) {
    case 0:
        if (((value ^ kCr0) & ~kTaskSwitched) != 0)
            return false;
        set_task_switched(vcpu, (value & kTaskSwitched) != 0);
        return true;
    case 2:
        vcpu.info->arch.cr2 = value;
        return true;
    case 4:
        vcpu.pv.cr4 = value & own;
        return true;
    default:
        return false;
    }
}

// XSETBV
bool set_extended_control(Vcpu& vcpu, const TrapFrame& frame)
{
    const std::uint64_t value = frame.rdx << 32 | (frame.rax & kLow32);
    if ((vcpu.pv.cr4 & kCr4OsXsave) == 0 || (frame.rcx & kLow32) != 0 ||
        !is_xcr0(value, hal::extended_features()))
        return false;
    vcpu.pv.xcr0 = value;
    vcpu.pv.xcr0_ever |= value;
    hal::set_extended_features(value);
    return true;
}

bool access_debug(Vcpu& vcpu, TrapFrame& frame, const Instruction& instruction)
{
    std::uint64_t& operand = register_of(frame, instruction.reg);
    if (instruction.operation == Operation::move_to_debug)
        return write_debug_register(vcpu, instruction.control, operand).has_value();
    const auto value = read_debug_register(vcpu, instruction.control);
    if (value)
        operand = *value;
    return value.has_value();
}

// What user space may do as well, if its kernel has given it the level.
constexpr bool is_for_all(Operation operation)
{
    switch (operation) {
    case Operation::in:
    case Operation::in_string:
    case Operation::out:
    case Operation::out_string:
    case Operation::clear_interrupts:
    case Operation::set_interrupts:
        return true;
    default:
        return false;
    }
}

// Moves behind the instruction.
bool step_over(TrapFrame& frame, const Instruction& instruction)
{
    frame.rip += instruction.length;
    frame.rflags &= ~kFlagResume;
    return true;
}

bool carry_out(System& system, Vcpu& vcpu, TrapFrame& frame, const Instruction& instruction)
{
    switch (instruction.operation) {
    case Operation::in:
    case Operation::out:
        return access_port(vcpu, frame, instruction);
    case Operation::read_msr:
    case Operation::write_msr:
        return access_msr(vcpu, frame, instruction);
    case Operation::move_from_control:
        return read_control(vcpu, frame, instruction);
    case Operation::move_to_control:
        return write_control(vcpu, frame, instruction);
    case Operation::cpuid:
        answer_cpuid(system, vcpu, frame, false);
        return true;
    case Operation::set_xcr:
        return set_extended_control(vcpu, frame);
    case Operation::clear_task_switched:
        set_task_switched(vcpu, false);
        return true;
    case Operation::move_from_debug:
    case Operation::move_to_debug:
        return access_debug(vcpu, frame, instruction);
    case Operation::clear_interrupts: // events are masked in vcpu_info, not by a flag
    case Operation::set_interrupts:
        return has_io_privilege(vcpu);
    case Operation::flush_caches:
        return true;
    default:
        return false;
    }
}

} // namespace

bool emulate_privileged(System& system, Vcpu& vcpu, TrapFrame& frame)
{
    std::array<std::uint8_t, 16> buffer{};
    const auto instruction = decode(fetch(frame, buffer));
    if (!instruction || (!vcpu.pv.in_kernel && !is_for_all(instruction->operation)))
        return false;
    if (instruction->operation == Operation::in_string ||
        instruction->operation == Operation::out_string) {
        bool again = false;
        if (!access_port_string(vcpu, frame, *instruction, again))
            return false;
        return again || step_over(frame, *instruction);
    }
    return carry_out(system, vcpu, frame, *instruction) && step_over(frame, *instruction);
}

bool emulate_forced_cpuid(const System& system, Vcpu& vcpu, TrapFrame& frame)
{
    // XEN_EMULATE_PREFIX, CPUID
    constexpr std::array<std::uint8_t, 7> kForced{0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2};
    std::array<std::uint8_t, 7> bytes{};
    if (!hal::copy_from_guest(bytes.data(), frame.rip, bytes.size()) || bytes != kForced)
        return false;
    answer_cpuid(system, vcpu, frame, true);
    frame.rip += kForced.size();
    return true;
}

} // namespace zocalo::hv::pv
