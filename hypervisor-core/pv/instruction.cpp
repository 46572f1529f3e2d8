// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/pv/instruction.hpp"

namespace zocalo::hv::pv {
namespace {

// Reads the bytes once, from front to back; past the end everything is zero and `good` false.
class Decoder {
  public:
    explicit Decoder(std::span<const std::uint8_t> bytes)
        : bytes_{bytes.first(bytes.size() < kMaxInstruction ? bytes.size() : kMaxInstruction)}
    {
    }

    std::optional<Instruction> run()
    {
        std::uint8_t opcode = prefixes();
        const bool known = opcode == 0x0f ? two_bytes(next()) : one_byte(opcode);
        if (!known || !good_)
            return std::nullopt;
        out_.length = static_cast<unsigned>(at_);
        return out_;
    }

  private:
    std::uint8_t next()
    {
        if (at_ == bytes_.size()) {
            good_ = false;
            return 0;
        }
        return bytes_[at_++];
    }

    std::uint64_t number(unsigned width)
    {
        std::uint64_t value = 0;
        for (unsigned i = 0; i < width; ++i)
            value |= std::uint64_t{next()} << (8 * i);
        if (width < 8 && (value >> (8 * width - 1) & 1) != 0)
            value |= ~std::uint64_t{0} << (8 * width);
        return value;
    }

    // Returns the opcode behind the prefixes.
    std::uint8_t prefixes()
    {
        for (;;) {
            const std::uint8_t byte = next();
            switch (byte) {
            case 0x66:
                operand16_ = true;
                continue;
            case 0xf2:
            case 0xf3:
                out_.repeated = true;
                continue;
            case 0x26:
            case 0x2e:
            case 0x36:
            case 0x3e:
            case 0x64:
            case 0x65: // segments
            case 0x67:
            case 0xf0: // address size, lock
                continue;
            default:
                break;
            }
            if ((byte & 0xf0) != 0x40 || !good_)
                return byte;
            rex_ = byte;
            return next();
        }
    }

    unsigned width() const { return (rex_ & 8) != 0 ? 8 : operand16_ ? 2 : 4; }

    // ModRM, SIB and displacement of a memory operand; false for a register operand.
    bool memory_operand()
    {
        modrm_ = next();
        const unsigned mod = modrm_ >> 6;
        const unsigned rm = modrm_ & 7;
        if (mod == 3)
            return false;
        unsigned base = rm;
        if (rm == 4)
            base = next() & 7;
        if (mod == 1)
            next();
        else if (mod == 2 || base == 5)
            number(4);
        return true;
    }
    unsigned modrm_reg() const { return (modrm_ >> 3 & 7) | ((rex_ & 4) != 0 ? 8 : 0); }

    bool plain(Operation operation)
    {
        out_.operation = operation;
        return true;
    }

    bool port(Operation operation, unsigned bytes, bool immediate)
    {
        out_.operation = operation;
        out_.width = bytes == 1 ? 1 : operand16_ ? 2 : 4;
        out_.has_immediate = immediate;
        if (immediate)
            out_.immediate = next();
        return true;
    }

    bool string_port(Operation operation, bool byte)
    {
        out_.operation = operation;
        out_.width = byte ? 1 : operand16_ ? 2 : 4;
        return true;
    }

    bool to_memory(Operation operation, bool byte)
    {
        out_.operation = operation;
        out_.width = byte ? 1 : width();
        if (!memory_operand())
            return false;
        out_.reg = modrm_reg();
        if (byte && rex_ == 0 && out_.reg >= 4) {
            out_.high_byte = true;
            out_.reg -= 4;
        }
        return true;
    }

    bool immediate_to_memory(Operation operation, unsigned width, unsigned immediate_width)
    {
        out_.operation = operation;
        out_.width = width;
        out_.has_immediate = true;
        out_.immediate = number(immediate_width);
        return true;
    }

    // 80, 81, 83: which operation is in ModRM.
    bool group1(std::uint8_t opcode)
    {
        if (!memory_operand())
            return false;
        const unsigned bytes = opcode == 0x80 ? 1 : width();
        const unsigned immediate = opcode == 0x81 ? (bytes == 2 ? 2 : 4) : 1;
        switch (modrm_ >> 3 & 7) {
        case 1:
            return immediate_to_memory(Operation::bit_or, bytes, immediate);
        case 4:
            return immediate_to_memory(Operation::bit_and, bytes, immediate);
        case 6:
            return immediate_to_memory(Operation::bit_xor, bytes, immediate);
        default:
            return false;
        }
    }

    bool store_immediate(std::uint8_t opcode)
    {
        if (!memory_operand() || (modrm_ >> 3 & 7) != 0)
            return false;
        const unsigned bytes = opcode == 0xc6 ? 1 : width();
        return immediate_to_memory(Operation::store, bytes, bytes == 8 ? 4 : bytes);
    }

    bool one_byte(std::uint8_t opcode) // (readability-function-size): the opcode table
    {
        switch (opcode) {
        case 0x08:
        case 0x09:
            return to_memory(Operation::bit_or, opcode == 0x08);
        case 0x20:
        case 0x21:
            return to_memory(Operation::bit_and, opcode == 0x20);
        case 0x30:
        case 0x31:
            return to_memory(Operation::bit_xor, opcode == 0x30);
        case 0x6c:
        case 0x6d:
            return string_port(Operation::in_string, opcode == 0x6c);
        case 0x6e:
        case 0x6f:
            return string_port(Operation::out_string, opcode == 0x6e);
        case 0x80:
        case 0x81:
        case 0x83:
            return group1(opcode);
        case 0x86:
        case 0x87:
            return to_memory(Operation::exchange, opcode == 0x86);
        case 0x88:
        case 0x89:
            return to_memory(Operation::store, opcode == 0x88);
        case 0xc6:
        case 0xc7:
            return store_immediate(opcode);
        case 0xe4:
        case 0xe5:
            return port(Operation::in, opcode == 0xe4 ? 1 : 4, true);
        case 0xe6:
        case 0xe7:
            return port(Operation::out, opcode == 0xe6 ? 1 : 4, true);
        case 0xec:
        case 0xed:
            return port(Operation::in, opcode == 0xec ? 1 : 4, false);
        case 0xee:
        case 0xef:
            return port(Operation::out, opcode == 0xee ? 1 : 4, false);
        case 0xf4:
            return plain(Operation::halt);
        case 0xfa:
            return plain(Operation::clear_interrupts);
        case 0xfb:
            return plain(Operation::set_interrupts);
        default:
            return false;
        }
    }

    bool control_register(Operation operation)
    {
        modrm_ = next();
        out_.operation = operation;
        out_.control = modrm_reg();
        out_.reg = (modrm_ & 7) | ((rex_ & 1) != 0 ? 8 : 0);
        out_.width = 8;
        return true;
    }

    bool bit_with_immediate()
    {
        if (!memory_operand())
            return false;
        const unsigned which = modrm_ >> 3 & 7;
        if (which < 5)
            return false;
        constexpr Operation kOperations[] = {
            Operation::bit_set, Operation::bit_clear, Operation::bit_complement};
        return immediate_to_memory(kOperations[which - 5], width(), 1);
    }

    bool group7() // 0f 01
    {
        switch (next()) {
        case 0xd1:
            return plain(Operation::set_xcr);
        case 0xf9:
            return plain(Operation::read_tscp);
        default:
            return false;
        }
    }

    bool two_bytes(std::uint8_t opcode)
    {
        switch (opcode) {
        case 0x01:
            return group7();
        case 0x06:
            return plain(Operation::clear_task_switched);
        case 0x08:
        case 0x09:
            return plain(Operation::flush_caches);
        case 0x20:
            return control_register(Operation::move_from_control);
        case 0x21:
            return control_register(Operation::move_from_debug);
        case 0x22:
            return control_register(Operation::move_to_control);
        case 0x23:
            return control_register(Operation::move_to_debug);
        case 0x30:
            return plain(Operation::write_msr);
        case 0x31:
            return plain(Operation::read_tsc);
        case 0x32:
            return plain(Operation::read_msr);
        case 0xa2:
            return plain(Operation::cpuid);
        case 0xb0:
        case 0xb1:
            return to_memory(Operation::compare_exchange, opcode == 0xb0);
        case 0xba:
            return bit_with_immediate();
        default:
            return false;
        }
    }

    std::span<const std::uint8_t> bytes_;
    std::size_t at_{};
    bool good_{true};
    bool operand16_{};
    std::uint8_t rex_{};
    std::uint8_t modrm_{};
    Instruction out_{};
};

} // namespace

std::optional<Instruction> decode(std::span<const std::uint8_t> bytes)
{
    return Decoder{bytes}.run();
}

} // namespace zocalo::hv::pv
