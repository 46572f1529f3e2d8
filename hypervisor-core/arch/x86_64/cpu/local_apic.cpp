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

// In the x2APIC's form each register is an MSR, and IDs have 32 bits (Intel SDM volume 3, 10.12).
constexpr std::uint32_t kMsrBase = 0x1b;
constexpr std::uint64_t kX2Mode = 1 << 10;
constexpr std::uint32_t kMsrFirst = 0x800;

constinit std::uint64_t base = 0;
constinit bool x2_mode = false;

std::uint32_t read(std::uint32_t offset)
{
    if (x2_mode)
        return static_cast<std::uint32_t>(x86::read_msr(kMsrFirst + offset / 16));
    return *reinterpret_cast<volatile std::uint32_t*>(base + offset);
}

void write(std::uint32_t offset, std::uint32_t value)
{
    if (x2_mode)
        x86::write_msr(kMsrFirst + offset / 16, value);
    else
        *reinterpret_cast<volatile std::uint32_t*>(base + offset) = value;
}

void command(std::uint32_t apic_id, std::uint32_t low)
{
    if (x2_mode) {
        // Not ordered with stores by itself: what the other processor is to see must be there.
        asm volatile("mfence; lfence" : : : "memory");
        x86::write_msr(kMsrFirst + kCommandLow / 16, std::uint64_t{apic_id} << 32 | low);
        return;
    }
    while ((read(kCommandLow) & kBusy) != 0)
        x86::pause();
    write(kCommandHigh, apic_id << 24);
    write(kCommandLow, low);
}

} // namespace

void set_base(std::uint64_t address)
{
    base = address;
    // Whoever has switched it on (firmware, for IDs above 254) had a reason, and it cannot be left.
    x2_mode = (x86::read_msr(kMsrBase) & kX2Mode) != 0;
}

void start()
{
    if (x2_mode) // a further processor starts in the old form
        x86::write_msr(kMsrBase, x86::read_msr(kMsrBase) | kX2Mode);
    write(kTaskPriority, 0);
    write(kThermalEntry, kMasked);
    write(kCounterEntry, kMasked);
    write(kLint0, kMasked);
    write(kLint1, kMasked);
    write(kErrorEntry, kMasked);
    write(kDivide, kDivideBy1);
    write(kTimerEntry, kTimerVector);
    write(kSpurious, kEnabled | kSpuriousVector);
}

std::uint32_t id()
{
    return x2_mode ? read(kId) : read(kId) >> 24;
}

void end_of_interrupt()
{
    write(kEoi, 0);
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
    write(kInitialCount, count);
}

std::uint32_t timer_left()
{
    return read(kCurrentCount);
}

} // namespace zocalo::hv::local_apic
