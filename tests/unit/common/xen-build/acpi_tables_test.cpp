// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/acpi_tables.hpp"
#include "common/xen-build/byte_view.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace zocalo::xen {
namespace {

constexpr std::uint64_t kBase = 0xfc000000;

unsigned sum(std::span<const std::byte> bytes)
{
    unsigned total = 0;
    for (const std::byte b : bytes)
        total += std::to_integer<unsigned>(b);
    return total % 256;
}

class AcpiTables : public testing::TestWithParam<unsigned> {
  protected:
    AcpiTables() : bytes_(acpi_size(GetParam()), std::byte{0xaa})
    {
        fill_acpi(kBase, GetParam(), bytes_);
    }
    std::uint64_t number(std::uint64_t at, unsigned width) const
    {
        return ByteView{bytes_}.number(at, width).value();
    }
    // The table at a physical address, checked for length and checksum.
    ByteView table(std::uint64_t paddr) const
    {
        const std::uint64_t at = paddr - kBase;
        const auto view = ByteView{bytes_}.slice(at, number(at + 4, 4));
        EXPECT_TRUE(view);
        EXPECT_EQ(sum(view->bytes()), 0u);
        return *view;
    }

    std::vector<std::byte> bytes_;
};

TEST_P(AcpiTables, AreFoundFromTheRsdpWithValidChecksums)
{
    const ByteView all{bytes_};
    EXPECT_TRUE(all.has_text(0, "RSD PTR "));
    EXPECT_EQ(sum(all.bytes().first(20)), 0u);
    EXPECT_EQ(sum(all.bytes().first(36)), 0u);
    const ByteView xsdt = table(number(24, 8));
    EXPECT_TRUE(xsdt.has_text(0, "XSDT"));
    const ByteView fadt = table(xsdt.number(36, 8).value());
    EXPECT_TRUE(fadt.has_text(0, "FACP"));
    EXPECT_TRUE(table(fadt.number(140, 8).value()).has_text(0, "DSDT"));
    EXPECT_TRUE(table(xsdt.number(44, 8).value()).has_text(0, "APIC"));
}

TEST_P(AcpiTables, ListEveryProcessorOnce)
{
    const ByteView madt = table(table(number(24, 8)).number(44, 8).value());
    ASSERT_EQ(madt.size(), 44 + 8ULL * GetParam());
    for (unsigned cpu = 0; cpu < GetParam(); ++cpu) {
        const std::uint64_t at = 44 + cpu * 8ULL;
        EXPECT_EQ(madt.number(at, 2), 0x0800u);
        EXPECT_EQ(madt.number(at + 2, 1), cpu);
        EXPECT_EQ(madt.number(at + 3, 1), cpu * 2);
        EXPECT_EQ(madt.number(at + 4, 4), 1u);
    }
}

INSTANTIATE_TEST_SUITE_P(Vcpus, AcpiTables, testing::Values(1, 2, 32, 128));

} // namespace
} // namespace zocalo::xen
