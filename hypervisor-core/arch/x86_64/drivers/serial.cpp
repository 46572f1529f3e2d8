// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/x86_64/drivers/serial.hpp"

#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"

namespace zocalo::hv::serial {
namespace {

// 16550 registers; 115200 8n1.
constexpr std::uint16_t kCom1 = 0x3f8;
constexpr std::uint16_t kLineStatus = kCom1 + 5;
constexpr std::uint8_t kTransmitEmpty = 0x20;
constexpr std::uint16_t kIdentification = kCom1 + 2;
constexpr std::uint8_t kHasFifo = 0xc0;
constexpr unsigned kPatience = 100000;

// How many characters an empty transmitter takes, and how many of those it took since.
constinit unsigned room = 1;
constinit unsigned used = 0;

// Looks at the line only when the transmitter may be full: each look is an access to a device.
void put(char c)
{
    if (used == room) {
        for (unsigned i = 0; i < kPatience && (x86::in8(kLineStatus) & kTransmitEmpty) == 0; ++i)
            x86::pause();
        used = 0;
    }
    ++used;
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
    constexpr unsigned kFifo = 16;
    room = (x86::in8(kIdentification) & kHasFifo) == kHasFifo ? kFifo : 1;
    used = room;
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
