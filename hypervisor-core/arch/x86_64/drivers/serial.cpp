// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/x86_64/drivers/serial.hpp"

#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"

namespace zocalo::hv::serial {
namespace {

// 16550 registers; 115200 8n1.
constexpr std::uint16_t kCom1 = 0x3f8;
constexpr std::uint16_t kLineStatus = kCom1 + 5;
constexpr std::uint8_t kTransmitEmpty = 0x20;
constexpr unsigned kPatience = 100000;

void put(char c)
{
    for (unsigned i = 0; i < kPatience && (x86::in8(kLineStatus) & kTransmitEmpty) == 0; ++i)
        x86::pause();
    x86::out8(kCom1, static_cast<std::uint8_t>(c));
}

} // namespace

void start()
{
    x86::out8(kCom1 + 1, 0);    // no interrupts
    x86::out8(kCom1 + 3, 0x80); // divisor latch
    x86::out8(kCom1 + 0, 1);
    x86::out8(kCom1 + 1, 0);
    x86::out8(kCom1 + 3, 0x03); // 8n1
    x86::out8(kCom1 + 2, 0x07); // FIFOs on and empty
    x86::out8(kCom1 + 4, 0x03); // DTR, RTS
}

void write(std::string_view text)
{
    for (const char c : text) {
        if (c == '\n')
            put('\r');
        put(c);
    }
}

} // namespace zocalo::hv::serial
