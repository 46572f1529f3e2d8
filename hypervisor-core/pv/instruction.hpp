// SPDX-License-Identifier: Apache-2.0
// Instruction: the instructions of guests that the hypervisor carries out itself, decoded from
// their bytes. Only 64-bit mode; a memory operand's address is not computed, because the fault that
// brings us here names it. Source: Intel SDM volume 2. Pure; the bytes are hostile.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace zocalo::hv::pv {

inline constexpr std::size_t kMaxInstruction = 15;

enum class Operation : std::uint8_t {
    // privileged
    in,
    in_string,
    out,
    out_string,
    clear_interrupts,
    set_interrupts,
    cpuid,
    read_msr,
    write_msr,
    read_tsc,
    read_tscp,
    move_from_control,
    move_to_control,
    move_from_debug,
    move_to_debug,
    clear_task_switched,
    halt,
    flush_caches,
    set_xcr,
    // writes to memory
    store,
    exchange,
    compare_exchange,
    bit_and,
    bit_or,
    bit_xor,
    bit_set,
    bit_clear,
    bit_complement,
};

struct Instruction {
    Operation operation{};
    unsigned length{};
    unsigned width{};          // bytes of the operand
    unsigned reg{};            // the register operand, 0 (rax) to 15
    unsigned control{};        // control or debug register number
    bool has_immediate{};      // the source is `immediate`, not `reg`
    bool high_byte{};          // `reg` is ah, ch, dh or bh
    bool repeated{};           // a string instruction with REP: rcx elements
    std::uint64_t immediate{}; // sign-extended; the port of in/out with an immediate
};

// Nothing when it is none of these, or the bytes end too early.
std::optional<Instruction> decode(std::span<const std::uint8_t> bytes);

} // namespace zocalo::hv::pv
