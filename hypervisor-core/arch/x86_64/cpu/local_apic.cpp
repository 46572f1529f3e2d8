// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/x86_64/cpu/local_apic.hpp"

#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"

namespace zocalo::hv::local_apic {
namespace {

// Intel SDM volume 3, table 10-1.
constexpr std::uint32_t kId = 0x20;
constexpr std::uint32_t kTaskPriority = 0x80;
constexpr std::uint32_t kEoi = 0xb0;
constexpr std::uint32_t kSpurious = 0xf0;
constexpr std::uint32_t kCommandLow = 0x300;
constexpr std::uint32_t kCommandHigh = 0x310;
constexpr std::uint32_t kTimerEntry = 0x320;
constexpr std::uint32_t kThermalEntry = 0x330;
constexpr std::uint32_t kCounterEntry = 0x340;
constexpr std::uint32_t kLint0 = 0x350;
constexpr std::uint32_t kLint1 = 0x360;
constexpr std::uint32_t kErrorEntry = 0x370;
constexpr std::uint32_t kInitialCount = 0x380;
constexpr std::uint32_t kCurrentCount = 0x390;
constexpr std::uint32_t kDivide = 0x3e0;
constexpr std::uint32_t kMasked = 1 << 16;
constexpr std::uint32_t kEnabled = 1 << 8;
constexpr std::uint32_t kBusy = 1 << 12;
constexpr std::uint32_t kDivideBy1 = 0xb;
constexpr std::uint32_t kInit = 0x4500;
constexpr std::uint32_t kStartup = 0x4600;

constinit std::uint64_t base = 0;

volatile std::uint32_t& reg(std::uint32_t offset)
{
    return *reinterpret_cast<volatile std::uint32_t*>(base + offset);
}

void command(std::uint32_t apic_id, std::uint32_t low)
{
    while ((reg(kCommandLow) & kBusy) != 0)
        x86::pause();
    reg(kCommandHigh) = apic_id << 24;
    reg(kCommandLow) = low;
}

} // namespace

void set_base(std::uint64_t address)
{
    base = address;
}

void start()
{
    reg(kTaskPriority) = 0;
    reg(kThermalEntry) = kMasked;
    reg(kCounterEntry) = kMasked;
    reg(kLint0) = kMasked;
    reg(kLint1) = kMasked;
    reg(kErrorEntry) = kMasked;
    reg(kDivide) = kDivideBy1;
    reg(kTimerEntry) = kTimerVector;
    reg(kSpurious) = kEnabled | kSpuriousVector;
}

std::uint32_t id()
{
    return reg(kId) >> 24;
}

void end_of_interrupt()
{
    reg(kEoi) = 0;
}

void send(std::uint32_t apic_id, std::uint8_t vector)
{
    command(apic_id, vector);
}

void send_init(std::uint32_t apic_id)
{
    command(apic_id, kInit);
}

void send_startup(std::uint32_t apic_id, std::uint8_t page)
{
    command(apic_id, kStartup | page);
}

void set_timer(std::uint32_t count)
{
    reg(kInitialCount) = count;
}

std::uint32_t timer_left()
{
    return reg(kCurrentCount);
}

} // namespace zocalo::hv::local_apic
