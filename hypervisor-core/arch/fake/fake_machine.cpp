// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/fake/fake_machine.hpp"

#include "hypervisor-core/hal/console.hpp"
#include "hypervisor-core/hal/devices.hpp"
#include "hypervisor-core/hal/interrupts.hpp"
#include "hypervisor-core/hal/memory.hpp"
#include "hypervisor-core/hal/pv.hpp"
#include "hypervisor-core/hal/speculation.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace zocalo::hv {
namespace {

alignas(kPageSize) std::array<std::byte, FakeMachine::kFrames * kPageSize> ram;

bool is_guest_range(std::uint64_t address, std::size_t bytes)
{
    return address >= FakeMachine::kGuestStart && bytes <= FakeMachine::kGuestBytes &&
           address - FakeMachine::kGuestStart <= FakeMachine::kGuestBytes - bytes;
}

} // namespace

FakeMachine& fake_machine()
{
    static FakeMachine machine;
    return machine;
}

void FakeMachine::reset()
{
    *this = FakeMachine{};
    ram.fill(std::byte{0});
}

const std::uintptr_t hal::direct_map = reinterpret_cast<std::uintptr_t>(ram.data());

bool hal::copy_from_guest(void* to, std::uint64_t from, std::size_t bytes)
{
    if (!is_guest_range(from, bytes))
        return false;
    std::memcpy(to, fake_machine().guest_bytes(from), bytes);
    return true;
}

bool hal::copy_to_guest(std::uint64_t to, const void* from, std::size_t bytes)
{
    if (!is_guest_range(to, bytes))
        return false;
    std::memcpy(fake_machine().guest_bytes(to), from, bytes);
    return true;
}

void hal::clear_frame(Mfn mfn)
{
    std::memset(frame_bytes(mfn), 0, kPageSize);
}
void hal::copy_frame(Mfn to, Mfn from)
{
    std::memcpy(frame_bytes(to), frame_bytes(from), kPageSize);
}

void hal::stop_speculation() {}

unsigned hal::this_cpu()
{
    return fake_machine().cpu;
}
std::uint64_t hal::now()
{
    return fake_machine().now;
}
void hal::flush_tlb(CpuMask cpus)
{
    fake_machine().flushed_cpus |= cpus;
    ++fake_machine().flushes;
}
void hal::flush_page(std::uint64_t, CpuMask)
{
    ++fake_machine().flushes;
}
void hal::kick(unsigned cpu)
{
    fake_machine().kicked |= CpuMask{1} << cpu;
}
void hal::arm_timer(std::uint64_t deadline)
{
    fake_machine().armed = deadline;
}

void hal::write_console(std::string_view text)
{
    fake_machine().console += text;
    fake_machine().ring.append(text);
}
ConsoleRing& hal::console_ring()
{
    return fake_machine().ring;
}
void hal::panic(std::string_view why)
{
    std::fprintf(stderr, "panic: %.*s\n", static_cast<int>(why.size()), why.data());
    std::abort();
}

void hal::crash()
{
    hal::panic("crash");
}

void hal::switch_mode(const Vcpu&)
{
    ++fake_machine().mode_switches;
}
void hal::load_address_space(const Vcpu&) {}
std::uint64_t hal::fs_base()
{
    return 0;
}
void hal::set_fs_base(std::uint64_t) {}
std::uint64_t hal::gs_base()
{
    return 0;
}
void hal::set_gs_base(std::uint64_t) {}
std::uint64_t hal::other_gs_base()
{
    return 0;
}
void hal::set_other_gs_base(std::uint64_t) {}
bool hal::load_other_gs(std::uint16_t)
{
    return true;
}
void hal::load_gdt(const Vcpu&) {}
void hal::load_ldt(const Vcpu&) {}
void hal::load_debug_registers(const Vcpu&)
{
    ++fake_machine().debug_loads;
}
std::uint64_t hal::take_debug_status()
{
    return std::exchange(fake_machine().debug_status, std::uint64_t{0xffff0ff0});
}
void hal::set_task_switched(bool) {}

std::uint64_t hal::extended_features()
{
    return fake_machine().extended_features;
}

void hal::set_extended_features(std::uint64_t xcr0)
{
    fake_machine().xcr0 = xcr0;
}

// No devices: ports read all ones, interrupts have no source.
std::uint32_t hal::read_port(std::uint16_t, unsigned)
{
    return ~std::uint32_t{0};
}
void hal::write_port(std::uint16_t, std::uint32_t, unsigned) {}
hal::CpuidLeaf hal::cpuid(std::uint32_t, std::uint32_t)
{
    return {~std::uint32_t{0}, ~std::uint32_t{0}, ~std::uint32_t{0}, ~std::uint32_t{0}};
}
void hal::power_off()
{
    std::abort();
}
void hal::reboot()
{
    std::abort();
}
unsigned hal::gsi_count()
{
    return 24;
}
bool hal::set_up_gsi(std::uint32_t gsi, bool, bool)
{
    return gsi < gsi_count();
}
bool hal::set_up_msi(std::uint32_t, const MsiSource&)
{
    return false;
}
void hal::tear_down_msi(std::uint32_t) {}
void hal::mask_pirq(std::uint32_t) {}
void hal::unmask_pirq(std::uint32_t) {}
void hal::end_pirq(std::uint32_t) {}
bool hal::pirq_needs_end(std::uint32_t)
{
    return false;
}
std::optional<std::uint32_t> hal::read_io_apic(std::uint64_t, std::uint32_t)
{
    return std::nullopt;
}

} // namespace zocalo::hv
