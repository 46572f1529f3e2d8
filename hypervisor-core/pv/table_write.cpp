// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/hal/memory.hpp"
#include "hypervisor-core/pv/emulate.hpp"
#include "hypervisor-core/pv/flags.hpp"
#include "hypervisor-core/pv/instruction.hpp"

namespace zocalo::hv::pv {
namespace {

constexpr std::uint64_t kCarry = 1 << 0, kParity = 1 << 2, kZero = 1 << 6, kSign = 1 << 7;
constexpr std::uint64_t kOverflow = 1 << 11;

constexpr std::uint64_t mask_of(unsigned width)
{
    return width == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * width)) - 1;
}

// What the instruction does to its memory operand, and to registers if the write happens.
struct Effect {
    std::uint64_t memory{};
    std::uint64_t flags{};
    bool loads_register{}; // `reg` receives what was in memory
    unsigned reg{};
};

std::uint64_t source_of(const Instruction& instruction, TrapFrame& frame)
{
    if (instruction.has_immediate)
        return instruction.immediate;
    const std::uint64_t value = register_of(frame, instruction.reg);
    return instruction.high_byte ? value >> 8 : value;
}

std::uint64_t logic_flags(std::uint64_t flags, std::uint64_t result, unsigned width)
{
    flags &= ~(kCarry | kParity | kZero | kSign | kOverflow);
    if ((result & mask_of(width)) == 0)
        flags |= kZero;
    if ((result >> (8 * width - 1) & 1) != 0)
        flags |= kSign;
    if (__builtin_parityll(result & 0xff) == 0)
        flags |= kParity;
    return flags;
}

Effect bit_effect(const Instruction& instruction, const TrapFrame& frame, std::uint64_t old)
{
    const std::uint64_t bit = std::uint64_t{1}
                              << (instruction.immediate & (8 * instruction.width - 1));
    Effect effect{.flags = (old & bit) != 0 ? frame.rflags | kCarry : frame.rflags & ~kCarry};
    switch (instruction.operation) {
    case Operation::bit_set:
        effect.memory = old | bit;
        break;
    case Operation::bit_clear:
        effect.memory = old & ~bit;
        break;
    default:
        effect.memory = old ^ bit;
        break;
    }
    return effect;
}

Effect compare_effect(const Instruction& instruction, TrapFrame& frame, std::uint64_t old)
{
    const std::uint64_t difference = (frame.rax ^ old) & mask_of(instruction.width);
    if (difference == 0)
        return {.memory = source_of(instruction, frame), .flags = frame.rflags | kZero};
    return {.memory = old, .flags = frame.rflags & ~kZero, .loads_register = true, .reg = 0};
}

std::optional<Effect> effect_of(const Instruction& instruction, TrapFrame& frame, std::uint64_t old)
{
    const std::uint64_t source = source_of(instruction, frame);
    const auto logic = [&](std::uint64_t result) {
        return Effect{
            .memory = result, .flags = logic_flags(frame.rflags, result, instruction.width)};
    };
    switch (instruction.operation) {
    case Operation::store:
        return Effect{.memory = source, .flags = frame.rflags};
    case Operation::exchange:
        return Effect{
            .memory = source,
            .flags = frame.rflags,
            .loads_register = true,
            .reg = instruction.reg};
    case Operation::compare_exchange:
        return compare_effect(instruction, frame, old);
    case Operation::bit_and:
        return logic(old & source);
    case Operation::bit_or:
        return logic(old | source);
    case Operation::bit_xor:
        return logic(old ^ source);
    case Operation::bit_set:
    case Operation::bit_clear:
    case Operation::bit_complement:
        return bit_effect(instruction, frame, old);
    default:
        return std::nullopt;
    }
}

// A 32-bit result clears the upper half of its register, smaller ones leave the rest.
void load_register(
    TrapFrame& frame, const Instruction& instruction, unsigned reg, std::uint64_t old
)
{
    std::uint64_t& target = register_of(frame, reg);
    const unsigned shift = instruction.high_byte && reg == instruction.reg ? 8 : 0;
    const std::uint64_t mask = mask_of(instruction.width) << shift;
    if (instruction.width >= 4)
        target = old & mask;
    else
        target = (target & ~mask) | (old << shift & mask);
}

// The level-1 table entry that `address` lies in, if the guest maps a table of its own there.
std::optional<EntryPlace> target_of(System& system, const Vcpu& vcpu, std::uint64_t address)
{
    const auto place = system.tables.find(vcpu.pv.kernel_table, address);
    if (!place)
        return std::nullopt;
    const Pte mapping = system.tables.read(*place);
    FrameTable& frames = system.memory.frames();
    if (!mapping.present() || !frames.is_ram(mapping.mfn()))
        return std::nullopt;
    const FrameInfo& frame = frames[mapping.mfn()];
    if (frame.owner != vcpu.domain->id || frame.type != FrameType::l1 || frame.type_refs == 0)
        return std::nullopt;
    return EntryPlace{mapping.mfn(), static_cast<unsigned>((address & (kPageSize - 1)) / 8)};
}

} // namespace

bool emulate_table_write(System& system, Vcpu& vcpu, TrapFrame& frame, std::uint64_t address)
{
    const auto place = target_of(system, vcpu, address);
    if (!place)
        return false;
    std::array<std::uint8_t, 16> buffer{};
    const auto instruction = decode(fetch(frame, buffer));
    const unsigned offset = static_cast<unsigned>(address & 7);
    if (!instruction || instruction->width == 0 || offset + instruction->width > 8)
        return false;
    const std::uint64_t mask = mask_of(instruction->width) << (8 * offset);
    for (;;) {
        const Pte entry = system.tables.read(*place);
        const std::uint64_t old = (entry.raw & mask) >> (8 * offset);
        const auto effect = effect_of(*instruction, frame, old);
        if (!effect)
            return false;
        const Pte wanted{(entry.raw & ~mask) | (effect->memory << (8 * offset) & mask)};
        const auto done = system.tables.exchange(*place, entry, wanted, vcpu.domain->rights());
        if (!done)
            return false;
        if (!*done) // the processor marked the page accessed or dirty meanwhile
            continue;
        if (effect->loads_register)
            load_register(frame, *instruction, effect->reg, old);
        frame.rflags = effect->flags & ~kFlagResume;
        frame.rip += instruction->length;
        return true;
    }
}

} // namespace zocalo::hv::pv
