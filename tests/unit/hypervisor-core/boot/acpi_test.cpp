// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/fake/fake_machine.hpp"
#include "hypervisor-core/boot/acpi.hpp"
#include "hypervisor-core/hal/memory.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <initializer_list>

namespace zocalo::hv {
namespace {

// Tables as firmware leaves them: the root pointer in the BIOS, the rest anywhere.
struct AcpiTest : testing::Test {
    static constexpr std::uint32_t kPointer = 0xe0010, kRoot = 0x2000, kMadt = 0x3000;
    std::uint32_t madt_end{kMadt + 44};

    AcpiTest()
    {
        fake_machine().reset();
        std::memcpy(hal::machine_bytes(kPointer), "RSD PTR ", 8);
        put(kPointer + 16, kRoot);
        put(kRoot + 4, 40);
        put(kRoot + 36, kMadt);
        std::memcpy(hal::machine_bytes(kMadt), "APIC", 4);
        put(kMadt + 36, 0xfee00000);
    }
    void put(std::uint32_t at, std::uint32_t value)
    {
        std::memcpy(hal::machine_bytes(at), &value, sizeof(value));
    }
    void entry(std::initializer_list<std::uint8_t> bytes)
    {
        for (const std::uint8_t byte : bytes)
            *hal::machine_bytes(madt_end++) = std::byte{byte};
        put(kMadt + 4, madt_end - kMadt);
    }
};

TEST_F(AcpiTest, ProcessorsOfBothFormsAreFoundWhenEnabled)
{
    entry({0, 8, 5, 4, 1, 0, 0, 0});
    entry({0, 8, 6, 9, 0, 0, 0, 0});                                // not enabled
    entry({9, 16, 0, 0, 0x10, 0x20, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0}); // x2APIC, ID 0x2010
    entry({1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 24, 0, 0, 0});
    const AcpiInfo found = read_acpi();
    ASSERT_TRUE(found.found);
    ASSERT_EQ(found.processor_count, 2U);
    EXPECT_EQ(found.processors[0].apic_id, 4U);
    EXPECT_EQ(found.processors[0].acpi_id, 5U);
    EXPECT_EQ(found.processors[1].apic_id, 0x2010U);
    EXPECT_EQ(found.processors[1].acpi_id, 7U);
    ASSERT_EQ(found.io_apic_count, 1U);
    EXPECT_EQ(found.io_apics[0].address, 0xfec00000U);
    EXPECT_EQ(found.io_apics[0].first_gsi, 24U);
}

TEST_F(AcpiTest, AnEntryOfNoLengthEndsTheList)
{
    entry({0, 8, 5, 4, 1, 0, 0, 0});
    entry({0, 0, 0, 0});
    entry({0, 8, 6, 5, 1, 0, 0, 0});
    EXPECT_EQ(read_acpi().processor_count, 1U);
}

TEST_F(AcpiTest, TheTimerAndConfigurationSpacesAreFound)
{
    entry({0, 8, 5, 4, 1, 0, 0, 0});
    constexpr std::uint32_t kHpet = 0x4000, kMcfg = 0x5000;
    put(kRoot + 4, 48);
    put(kRoot + 40, kHpet);
    put(kRoot + 44, kMcfg);
    std::memcpy(hal::machine_bytes(kHpet), "HPET", 4);
    put(kHpet + 4, 56);
    put(kHpet + 44, 0xfed00000);
    std::memcpy(hal::machine_bytes(kMcfg), "MCFG", 4);
    put(kMcfg + 4, 44 + 3 * 16 + 8); // the last entry is cut off
    put(kMcfg + 44, 0xb0000000);
    put(kMcfg + 52, 0xff000000); // segment 0, buses 0 to 255
    put(kMcfg + 60, 0xe0000000);
    put(kMcfg + 68, 0x00100001); // bus 16 to 0
    put(kMcfg + 76, 0xa0000000);
    put(kMcfg + 84, 0x20100002);
    const AcpiInfo found = read_acpi();
    EXPECT_EQ(found.hpet, 0xfed00000U);
    ASSERT_EQ(found.config_space_count, 2U);
    EXPECT_EQ(found.config_spaces[0], (AcpiInfo::ConfigSpace{0xb0000000, 0, 0, 255}));
    EXPECT_EQ(found.config_spaces[1], (AcpiInfo::ConfigSpace{0xa0000000, 2, 16, 32}));
    *hal::machine_bytes(kHpet + 40) = std::byte{1}; // in I/O ports
    EXPECT_EQ(read_acpi().hpet, 0U);
}

TEST_F(AcpiTest, WithoutARootPointerThereIsNothing)
{
    fake_machine().reset();
    EXPECT_FALSE(read_acpi().found);
}

} // namespace
} // namespace zocalo::hv
