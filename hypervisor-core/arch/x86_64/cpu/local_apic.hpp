// SPDX-License-Identifier: Apache-2.0
// The local APIC, memory-mapped or as the firmware left it in x2APIC mode: end of interrupt, IPIs,
// the one-shot timer.
#pragma once

#include <cstdint>

namespace zocalo::hv::local_apic {

inline constexpr std::uint8_t kTimerVector = 0xf0;
inline constexpr std::uint8_t kKickVector = 0xf1;
inline constexpr std::uint8_t kFlushVector = 0xf2;
inline constexpr std::uint8_t kSpuriousVector = 0xff;

// Virtual address of the registers; before anything else.
void set_base(std::uint64_t address);
// On each processor.
void start();
std::uint32_t id();
void end_of_interrupt();
void send(std::uint32_t apic_id, std::uint8_t vector);
// INIT, then start-up at physical page `page` (Intel SDM volume 3, section 8.4.4).
void send_init(std::uint32_t apic_id);
void send_startup(std::uint32_t apic_id, std::uint8_t page);

// The timer counts down from `count` to zero once, at the bus clock; 0 stops it.
void set_timer(std::uint32_t count);
std::uint32_t timer_left();

} // namespace zocalo::hv::local_apic
