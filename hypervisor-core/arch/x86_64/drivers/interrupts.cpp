// SPDX-License-Identifier: Apache-2.0
// hal/interrupts.hpp: PIRQ n has vector kFirstVector + n; GSIs go through IO-APICs, MSIs are
// written into their devices.
#include "hypervisor-core/arch/x86_64/drivers/interrupts.hpp"

#include "hypervisor-core/arch/x86_64/cpu/cpu_area.hpp"
#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"
#include "hypervisor-core/arch/x86_64/cpu/local_apic.hpp"
#include "hypervisor-core/arch/x86_64/cpu/system_lock.hpp"
#include "hypervisor-core/arch/x86_64/drivers/io_apic.hpp"
#include "hypervisor-core/arch/x86_64/drivers/pci_config.hpp"
#include "hypervisor-core/arch/x86_64/mm/mapper.hpp"
#include "hypervisor-core/console/log.hpp"
#include "hypervisor-core/domain/pirq.hpp"
#include "hypervisor-core/hal/interrupts.hpp"

namespace zocalo::hv {
namespace {

constexpr std::uint8_t kFirstVector = 0x40;
// Behind the local APIC and the IO-APICs (boot/start.cpp), one page per MSI-X interrupt.
constexpr std::uint64_t kMsixPages = layout::kDevices + 16 * kPageSize;
constexpr std::uint8_t kMsi = 0x05, kMsix = 0x11; // capabilities

// PCI Local Bus 3.0, section 6.8.
constexpr std::uint32_t kMessageAddress = 0xfee00000;
constexpr std::uint32_t kWide = 1 << 23; // MSI control, in the upper half of its first word
constexpr std::uint32_t kVectorMasked = 1;

struct Source {
    bool level{};                         // GSI: masked until the guest is done
    volatile std::uint32_t* msix_entry{}; // address low, high, data, control
};
constinit std::array<Source, kMaxPirqs> sources{};

std::uint8_t vector_of(std::uint32_t pirq)
{
    return static_cast<std::uint8_t>(kFirstVector + pirq);
}

std::uint32_t target_apic()
{
    return cpu_top().system->cpus[0].apic_id;
}

bool is_gsi(std::uint32_t pirq)
{
    return pirq < io_apic::gsi_count();
}

bool set_up_plain_msi(std::uint32_t pirq, pci::Function function)
{
    const unsigned at = pci::find_capability(function, kMsi);
    if (at == 0)
        return false;
    const bool wide = (pci::read32(function, at) & kWide) != 0;
    pci::write32(function, at + 4, kMessageAddress | target_apic() << 12);
    if (wide)
        pci::write32(function, at + 8, 0);
    const unsigned data = at + (wide ? 12 : 8);
    pci::write32(function, data, (pci::read32(function, data) & 0xffff0000) | vector_of(pirq));
    return true;
}

bool set_up_msix(std::uint32_t pirq, pci::Function function, const hal::MsiSource& source)
{
    const unsigned at = pci::find_capability(function, kMsix);
    if (at == 0)
        return false;
    constexpr unsigned kEntryBytes = 16;
    const unsigned entries = (pci::read32(function, at) >> 16 & 0x7ff) + 1;
    if (source.entry >= entries)
        return false;
    const std::uint64_t offset = pci::read32(function, at + 4) & ~std::uint32_t{7};
    const std::uint64_t machine = source.table + offset + source.entry * kEntryBytes;
    const System& system = *cpu_top().system;
    if (system.memory.frames().is_ram(Mfn{machine >> kPageShift}))
        return false;
    const std::uint64_t page = kMsixPages + pirq * kPageSize;
    Mapper{cpu_top().system->memory, system.root}.map(
        page, machine & ~(kPageSize - 1), kPageSize, kDevice
    );
    x86::invalidate_page(page);
    auto* const entry =
        reinterpret_cast<volatile std::uint32_t*>(page + (machine & (kPageSize - 1)));
    entry[3] = kVectorMasked;
    entry[0] = kMessageAddress | target_apic() << 12;
    entry[1] = 0;
    entry[2] = vector_of(pirq);
    sources[pirq].msix_entry = entry;
    return true;
}

} // namespace

void silence_pics()
{
    constexpr std::uint16_t kFirstMask = 0x21, kSecondMask = 0xa1;
    x86::out8(kFirstMask, 0xff);
    x86::out8(kSecondMask, 0xff);
}

void device_interrupt(System& system, std::uint8_t vector)
{
    const std::uint32_t pirq = vector - std::uint32_t{kFirstVector};
    const SystemGuard lock;
    if (pirq < kMaxPirqs) {
        if (is_gsi(pirq) && sources[pirq].level)
            io_apic::set_masked(pirq, true);
        raise_pirq(system, pirq);
    }
    local_apic::end_of_interrupt();
}

unsigned hal::gsi_count()
{
    return io_apic::gsi_count();
}

bool hal::set_up_gsi(std::uint32_t gsi, bool level, bool active_low)
{
    if (!is_gsi(gsi))
        return false;
    sources[gsi].level = level;
    return io_apic::set(gsi, {vector_of(gsi), target_apic(), level, active_low, true});
}

bool hal::set_up_msi(std::uint32_t pirq, const MsiSource& source)
{
    if (source.segment != 0)
        return false;
    const pci::Function function{source.bus, source.devfn};
    sources[pirq] = {};
    return source.table != 0 ? set_up_msix(pirq, function, source)
                             : set_up_plain_msi(pirq, function);
}

void hal::tear_down_msi(std::uint32_t pirq)
{
    mask_pirq(pirq);
    sources[pirq] = {};
}

void hal::mask_pirq(std::uint32_t pirq)
{
    if (is_gsi(pirq))
        io_apic::set_masked(pirq, true);
    else if (sources[pirq].msix_entry != nullptr)
        sources[pirq].msix_entry[3] = kVectorMasked;
}

void hal::unmask_pirq(std::uint32_t pirq)
{
    if (is_gsi(pirq))
        io_apic::set_masked(pirq, false);
    else if (sources[pirq].msix_entry != nullptr)
        sources[pirq].msix_entry[3] = 0;
}

void hal::end_pirq(std::uint32_t pirq)
{
    if (is_gsi(pirq) && sources[pirq].level)
        io_apic::set_masked(pirq, false);
}

bool hal::pirq_needs_end(std::uint32_t pirq)
{
    return is_gsi(pirq) && sources[pirq].level;
}

std::optional<std::uint32_t> hal::read_io_apic(std::uint64_t address, std::uint32_t index)
{
    return io_apic::read(address, index);
}

} // namespace zocalo::hv
