// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/x86_64/cpu/clock.hpp"

#include "hypervisor-core/arch/x86_64/cpu/cpu_area.hpp"
#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"
#include "hypervisor-core/arch/x86_64/cpu/local_apic.hpp"
#include "hypervisor-core/arch/x86_64/drivers/real_time_clock.hpp"
#include "hypervisor-core/console/log.hpp"

#include <string_view>

namespace zocalo::hv {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

// Of the local APIC timer; the same on every processor.
constinit std::uint64_t apic_hertz = 0;

struct Sample {
    std::uint64_t tsc;
    std::uint32_t reference;
    std::uint32_t apic; // counts down
};

// The sample whose three clocks were read closest together, out of several: on a virtual machine
// anything may come between two instructions.
template <class Reference> Sample take_sample(const Reference& reference)
{
    constexpr unsigned kTries = 20;
    Sample best{};
    std::uint64_t best_width = ~std::uint64_t{0};
    for (unsigned i = 0; i < kTries; ++i) {
        const std::uint64_t before = x86::tsc();
        const std::uint32_t count = reference.read();
        const std::uint32_t apic = local_apic::timer_left();
        const std::uint64_t after = x86::tsc();
        if (after - before < best_width) {
            best_width = after - before;
            best = {before + best_width / 2, count, apic};
        }
    }
    return best;
}

// Compares the processor's clocks with one whose frequency is known, for about 40 ms.
template <class Reference> void measure(System& system, const Reference& reference)
{
    local_apic::set_timer(~std::uint32_t{0});
    const Sample first = take_sample(reference);
    // A reference that stands still, as boards switch the PIT off to save power, ends this as well.
    constexpr unsigned kMostReads = 4'000'000;
    std::uint64_t passed = 0;
    for (unsigned i = 0; i < kMostReads && passed < reference.enough(); ++i) {
        x86::pause();
        passed = reference.between(first.reference, reference.read());
    }
    const Sample last = take_sample(reference);
    local_apic::set_timer(0);
    passed = reference.between(first.reference, last.reference);
    if (passed < reference.enough() || last.tsc <= first.tsc)
        panic(reference.name(), " does not count: no clock to measure the processor with");
    system.tsc_hertz = reference.hertz_of(last.tsc - first.tsc, passed);
    apic_hertz = reference.hertz_of(first.apic - last.apic, passed);
    log("measured with ", reference.name());
}

// Channel 2 of the timer every PC had; 16 bits, counts down.
class Pit {
  public:
    Pit()
    {
        constexpr std::uint8_t kChannel2Once = 0xb0; // both bytes, mode 0
        constexpr std::uint32_t kStart = 0xffff;
        x86::out8(kSpeakerGate, static_cast<std::uint8_t>((x86::in8(kSpeakerGate) & ~2U) | 1U));
        x86::out8(kControl, kChannel2Once);
        x86::out8(kChannel2, kStart & 0xff);
        x86::out8(kChannel2, kStart >> 8);
    }
    static constexpr std::string_view name() { return "the PIT"; }
    static std::uint32_t read()
    {
        constexpr std::uint8_t kLatchChannel2 = 0x80;
        x86::out8(kControl, kLatchChannel2);
        const std::uint32_t low = x86::in8(kChannel2);
        return low | static_cast<std::uint32_t>(x86::in8(kChannel2)) << 8;
    }
    static constexpr std::uint64_t between(std::uint32_t first, std::uint32_t last)
    {
        return first > last ? first - last : 0;
    }
    static constexpr std::uint64_t enough() { return kHertz / 25; }
    static constexpr std::uint64_t hertz_of(std::uint64_t ticks, std::uint64_t passed)
    {
        return ticks * kHertz / passed;
    }

  private:
    static constexpr std::uint64_t kHertz = 1193182;
    static constexpr std::uint16_t kChannel2 = 0x42, kControl = 0x43, kSpeakerGate = 0x61;
};

// The high precision event timer (IA-PC HPET 1.0a, section 2.3); its low 32 bits, which count up.
class Hpet {
  public:
    explicit Hpet(std::uint64_t registers) : registers_{registers}
    {
        period_ = word(kPeriod);
        configuration_ = word(kConfiguration);
        set(kConfiguration, configuration_ | kRuns);
    }
    Hpet(const Hpet&) = delete;
    Hpet& operator=(const Hpet&) = delete;
    ~Hpet() { set(kConfiguration, configuration_); } // dom0 finds it as the firmware left it

    bool is_usable() const { return period_ > 0 && period_ <= kSlowest; }
    static constexpr std::string_view name() { return "the HPET"; }
    std::uint32_t read() const { return word(kCounter); }
    static constexpr std::uint64_t between(std::uint32_t first, std::uint32_t last)
    {
        return std::uint32_t{last - first};
    }
    std::uint64_t enough() const { return kFemtoseconds / 25 / period_; }
    std::uint64_t hertz_of(std::uint64_t ticks, std::uint64_t passed) const
    {
        return ticks * kSecond / (passed * period_ / (kFemtoseconds / kSecond));
    }

  private:
    static constexpr std::uint64_t kFemtoseconds = 1'000'000'000'000'000; // in a second
    static constexpr std::uint32_t kSlowest = 100'000'000; // the longest period there may be
    static constexpr unsigned kPeriod = 4, kConfiguration = 0x10, kCounter = 0xf0;
    static constexpr std::uint32_t kRuns = 1;

    std::uint32_t word(unsigned at) const
    {
        return *reinterpret_cast<const volatile std::uint32_t*>(registers_ + at);
    }
    void set(unsigned at, std::uint32_t value)
    {
        *reinterpret_cast<volatile std::uint32_t*>(registers_ + at) = value;
    }

    std::uint64_t registers_;
    std::uint32_t period_{}; // femtoseconds
    std::uint32_t configuration_{};
};

// Boards that have an HPET may have no PIT that counts.
void measure_with_the_best(System& system, std::uint64_t hpet_registers)
{
    if (hpet_registers != 0) {
        const Hpet hpet{hpet_registers};
        if (hpet.is_usable())
            return measure(system, hpet);
    }
    measure(system, Pit{});
}

} // namespace

void start_clock(System& system, std::uint64_t hpet_registers)
{
    measure_with_the_best(system, hpet_registers);
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
