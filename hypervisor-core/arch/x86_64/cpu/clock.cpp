// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/x86_64/cpu/clock.hpp"

#include "hypervisor-core/arch/x86_64/cpu/cpu_area.hpp"
#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"
#include "hypervisor-core/arch/x86_64/cpu/local_apic.hpp"
#include "hypervisor-core/arch/x86_64/drivers/real_time_clock.hpp"
#include "hypervisor-core/console/log.hpp"

namespace zocalo::hv {
namespace {

constexpr std::uint64_t kPitHertz = 1193182;
constexpr std::uint16_t kPitChannel2 = 0x42;
constexpr std::uint16_t kPitControl = 0x43;
constexpr std::uint16_t kSpeakerGate = 0x61;
constexpr std::uint64_t kSecond = 1'000'000'000;

// Of the local APIC timer; the same on every processor.
constinit std::uint64_t apic_hertz = 0;

struct Sample {
    std::uint64_t tsc;
    std::uint32_t pit;  // counts down
    std::uint32_t apic; // counts down
};

std::uint32_t read_pit()
{
    constexpr std::uint8_t kLatchChannel2 = 0x80;
    x86::out8(kPitControl, kLatchChannel2);
    const std::uint32_t low = x86::in8(kPitChannel2);
    return low | static_cast<std::uint32_t>(x86::in8(kPitChannel2)) << 8;
}

// The sample whose three clocks were read closest together, out of several: on a virtual machine
// anything may come between two instructions.
Sample take_sample()
{
    constexpr unsigned kTries = 20;
    Sample best{};
    std::uint64_t best_width = ~std::uint64_t{0};
    for (unsigned i = 0; i < kTries; ++i) {
        const std::uint64_t before = x86::tsc();
        const std::uint32_t pit = read_pit();
        const std::uint32_t apic = local_apic::timer_left();
        const std::uint64_t after = x86::tsc();
        if (after - before < best_width) {
            best_width = after - before;
            best = {before + best_width / 2, pit, apic};
        }
    }
    return best;
}

void measure(System& system)
{
    constexpr std::uint8_t kChannel2Once = 0xb0; // both bytes, mode 0
    constexpr std::uint32_t kStart = 0xffff;
    constexpr std::uint32_t kEnough = 0x4000; // about 41 ms have gone
    x86::out8(kSpeakerGate, static_cast<std::uint8_t>((x86::in8(kSpeakerGate) & ~2U) | 1U));
    x86::out8(kPitControl, kChannel2Once);
    x86::out8(kPitChannel2, kStart & 0xff);
    x86::out8(kPitChannel2, kStart >> 8);
    local_apic::set_timer(~std::uint32_t{0});
    const Sample first = take_sample();
    while (read_pit() > kEnough)
        x86::pause();
    const Sample last = take_sample();
    local_apic::set_timer(0);
    const std::uint64_t pit = first.pit - last.pit;
    if (first.pit <= last.pit || last.tsc <= first.tsc)
        panic("the PIT does not count: no clock to measure the processor with");
    system.tsc_hertz = (last.tsc - first.tsc) * kPitHertz / pit;
    apic_hertz = std::uint64_t{first.apic - last.apic} * kPitHertz / pit;
}

} // namespace

void start_clock(System& system)
{
    measure(system);
    system.clock = ClockScale::from_frequency(system.tsc_hertz);
    system.wall_base = read_real_time_clock() * kSecond;
    system.clock_tsc = x86::tsc();
    log("time stamp counter ",
        system.tsc_hertz / 1000,
        " kHz, local APIC timer ",
        apic_hertz / 1000,
        " kHz");
}

std::uint64_t hal::now()
{
    const System& system = *cpu_top().system;
    return system.clock.to_ns(x86::tsc() - system.clock_tsc);
}

void hal::arm_timer(std::uint64_t deadline)
{
    constexpr std::uint64_t kLongest = kSecond; // then look again
    if (deadline == kNever) {
        local_apic::set_timer(0);
        return;
    }
    const std::uint64_t now = hal::now();
    const std::uint64_t wait = deadline > now ? deadline - now : 0;
    const std::uint64_t ticks = (wait < kLongest ? wait : kLongest) * apic_hertz / kSecond + 1;
    local_apic::set_timer(static_cast<std::uint32_t>(ticks < 0xffffffff ? ticks : 0xffffffff));
}

} // namespace zocalo::hv
