// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/boot/acpi.hpp"

#include "hypervisor-core/hal/memory.hpp"

#include <cstring>
#include <string_view>

namespace zocalo::hv {
namespace {

template <class T> T read(std::uint64_t address)
{
    T value;
    std::memcpy(&value, hal::machine_bytes(address), sizeof(T));
    return value;
}

bool has_text(std::uint64_t address, std::string_view text)
{
    return std::memcmp(hal::machine_bytes(address), text.data(), text.size()) == 0;
}

struct Table {
    std::uint64_t address{};
    std::uint32_t length{};
};

constexpr std::uint32_t kHeader = 36; // bytes of the header all tables share
constexpr std::uint32_t kMaxTable = 1 << 20;

Table table_at(std::uint64_t address)
{
    constexpr std::uint64_t kLengthAt = 4;
    const auto length = read<std::uint32_t>(address + kLengthAt);
    return length >= kHeader && length <= kMaxTable ? Table{address, length} : Table{};
}

// In the first kilobyte of the extended BIOS data area, or in the BIOS.
std::uint64_t find_root_pointer()
{
    constexpr std::string_view kSignature = "RSD PTR ";
    constexpr std::uint64_t kEbdaSegmentAt = 0x40e;
    const std::uint64_t ebda = std::uint64_t{read<std::uint16_t>(kEbdaSegmentAt)} << 4;
    for (std::uint64_t at = ebda; ebda != 0 && at < ebda + 1024; at += 16)
        if (has_text(at, kSignature))
            return at;
    for (std::uint64_t at = 0xe0000; at < 0x100000; at += 16)
        if (has_text(at, kSignature))
            return at;
    return 0;
}

void read_madt(const Table& madt, AcpiInfo& out)
{
    constexpr std::uint8_t kLocalApic = 0, kIoApic = 1, kLocalX2Apic = 9;
    constexpr std::uint32_t kEnabled = 1;
    constexpr std::uint32_t kFirstEntry = 44;
    out.local_apic = read<std::uint32_t>(madt.address + kHeader);
    std::uint32_t at = kFirstEntry;
    while (at + 2 <= madt.length) {
        const std::uint64_t entry = madt.address + at;
        const auto type = read<std::uint8_t>(entry);
        const auto length = read<std::uint8_t>(entry + 1);
        if (length < 2)
            return;
        if (type == kLocalApic && (read<std::uint32_t>(entry + 4) & kEnabled) != 0 &&
            out.processor_count < AcpiInfo::kMaxProcessors)
            out.processors[out.processor_count++] = {
                read<std::uint8_t>(entry + 3), read<std::uint8_t>(entry + 2)};
        if (type == kLocalX2Apic && length >= 16 &&
            (read<std::uint32_t>(entry + 8) & kEnabled) != 0 &&
            out.processor_count < AcpiInfo::kMaxProcessors)
            out.processors[out.processor_count++] = {
                read<std::uint32_t>(entry + 4), read<std::uint32_t>(entry + 12)};
        if (type == kIoApic && out.io_apic_count < AcpiInfo::kMaxIoApics)
            out.io_apics[out.io_apic_count++] = {
                read<std::uint32_t>(entry + 4), read<std::uint32_t>(entry + 8)};
        at += length;
    }
}

void read_fadt(const Table& fadt, AcpiInfo& out)
{
    constexpr std::uint32_t kPm1aControl = 64, kPm1bControl = 68;
    if (fadt.length < kPm1bControl + 4)
        return;
    out.pm1a_control = static_cast<std::uint16_t>(read<std::uint32_t>(fadt.address + kPm1aControl));
    out.pm1b_control = static_cast<std::uint16_t>(read<std::uint32_t>(fadt.address + kPm1bControl));
}

void read_hpet(const Table& hpet, AcpiInfo& out)
{
    constexpr std::uint32_t kSpace = 40, kAddress = 44; // of a generic address: which space, where
    constexpr std::uint8_t kMemory = 0;
    if (hpet.length >= kAddress + 8 && read<std::uint8_t>(hpet.address + kSpace) == kMemory)
        out.hpet = read<std::uint64_t>(hpet.address + kAddress);
}

void read_mcfg(const Table& mcfg, AcpiInfo& out)
{
    constexpr std::uint32_t kFirstEntry = 44, kEntry = 16;
    for (std::uint32_t at = kFirstEntry;
         at + kEntry <= mcfg.length && out.config_space_count < AcpiInfo::kMaxConfigSpaces;
         at += kEntry) {
        const std::uint64_t entry = mcfg.address + at;
        const AcpiInfo::ConfigSpace space{
            read<std::uint64_t>(entry),
            read<std::uint16_t>(entry + 8),
            read<std::uint8_t>(entry + 10),
            read<std::uint8_t>(entry + 11)};
        if (space.address != 0 && space.first_bus <= space.last_bus)
            out.config_spaces[out.config_space_count++] = space;
    }
}

} // namespace

AcpiInfo read_acpi()
{
    AcpiInfo out;
    const std::uint64_t pointer = find_root_pointer();
    if (pointer == 0)
        return out;
    constexpr std::uint64_t kRevisionAt = 15, kRsdtAt = 16, kXsdtAt = 24;
    const bool wide = read<std::uint8_t>(pointer + kRevisionAt) >= 2;
    const Table root = table_at(
        wide ? read<std::uint64_t>(pointer + kXsdtAt) : read<std::uint32_t>(pointer + kRsdtAt)
    );
    const std::uint32_t step = wide ? 8 : 4;
    for (std::uint32_t at = kHeader; at + step <= root.length; at += step) {
        const std::uint64_t address =
            wide ? read<std::uint64_t>(root.address + at) : read<std::uint32_t>(root.address + at);
        const Table table = table_at(address);
        if (table.length == 0)
            continue;
        if (has_text(address, "APIC"))
            read_madt(table, out);
        else if (has_text(address, "FACP"))
            read_fadt(table, out);
        else if (has_text(address, "HPET"))
            read_hpet(table, out);
        else if (has_text(address, "MCFG"))
            read_mcfg(table, out);
    }
    out.found = root.length != 0;
    return out;
}

} // namespace zocalo::hv
