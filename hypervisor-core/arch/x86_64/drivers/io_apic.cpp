// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/x86_64/drivers/io_apic.hpp"

#include "common/base/address.hpp"

namespace zocalo::hv::io_apic {
namespace {

constexpr std::uint32_t kVersion = 1;
constexpr std::uint32_t kFirstEntry = 16;
constexpr std::uint32_t kMasked = 1 << 16;
constexpr std::uint32_t kLevel = 1 << 15;
constexpr std::uint32_t kActiveLow = 1 << 13;

struct Chip {
    std::uint64_t address{};   // machine
    std::uint64_t registers{}; // virtual
    std::uint32_t first_gsi{};
    std::uint32_t inputs{};
};
struct Chips {
    std::array<Chip, AcpiInfo::kMaxIoApics> list{};
    unsigned count{};
};
constinit Chips chips{};

volatile std::uint32_t& at(const Chip& chip, std::uint32_t offset)
{
    return *reinterpret_cast<volatile std::uint32_t*>(chip.registers + offset);
}

std::uint32_t read_register(const Chip& chip, std::uint32_t index)
{
    at(chip, 0) = index;
    return at(chip, 0x10);
}

void write_register(const Chip& chip, std::uint32_t index, std::uint32_t value)
{
    at(chip, 0) = index;
    at(chip, 0x10) = value;
}

const Chip* chip_of(std::uint32_t gsi)
{
    for (unsigned i = 0; i < chips.count; ++i) {
        const Chip& chip = chips.list[i];
        if (gsi >= chip.first_gsi && gsi < chip.first_gsi + chip.inputs)
            return &chip;
    }
    return nullptr;
}

std::uint32_t entry_of(const Chip& chip, std::uint32_t gsi)
{
    return kFirstEntry + 2 * (gsi - chip.first_gsi);
}

} // namespace

void start(const AcpiInfo& acpi, std::uint64_t registers)
{
    for (unsigned i = 0; i < acpi.io_apic_count; ++i) {
        Chip chip{acpi.io_apics[i].address, registers + i * kPageSize, acpi.io_apics[i].first_gsi};
        chip.inputs = (read_register(chip, kVersion) >> 16 & 0xff) + 1;
        for (std::uint32_t n = 0; n < chip.inputs; ++n)
            write_register(chip, kFirstEntry + 2 * n, kMasked);
        chips.list[chips.count++] = chip;
    }
}

unsigned gsi_count()
{
    unsigned count = 0;
    for (unsigned i = 0; i < chips.count; ++i) {
        const unsigned end = chips.list[i].first_gsi + chips.list[i].inputs;
        count = end > count ? end : count;
    }
    return count;
}

bool set(std::uint32_t gsi, const Route& route)
{
    const Chip* const chip = chip_of(gsi);
    if (chip == nullptr)
        return false;
    const std::uint32_t entry = entry_of(*chip, gsi);
    write_register(*chip, entry, kMasked);
    write_register(*chip, entry + 1, route.apic_id << 24);
    write_register(
        *chip,
        entry,
        route.vector | (route.level ? kLevel : 0) | (route.active_low ? kActiveLow : 0) |
            (route.masked ? kMasked : 0)
    );
    return true;
}

void set_masked(std::uint32_t gsi, bool masked)
{
    const Chip* const chip = chip_of(gsi);
    if (chip == nullptr)
        return;
    const std::uint32_t entry = entry_of(*chip, gsi);
    const std::uint32_t low = read_register(*chip, entry);
    write_register(*chip, entry, masked ? low | kMasked : low & ~kMasked);
}

std::optional<std::uint32_t> read(std::uint64_t address, std::uint32_t index)
{
    constexpr std::uint32_t kRegisters = 256;
    for (unsigned i = 0; i < chips.count; ++i)
        if (chips.list[i].address == address && index < kRegisters)
            return read_register(chips.list[i], index);
    return std::nullopt;
}

} // namespace zocalo::hv::io_apic
