// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/fake/fake_machine.hpp"
#include "hypervisor-core/boot/boot_info.hpp"
#include "hypervisor-core/hal/memory.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace zocalo::hv {
namespace {

// Writes what a loader would, from an address of the machine on.
struct LoaderTest : testing::Test {
    static constexpr std::uint32_t kInfo = 0x1000;
    std::uint64_t at{kInfo};
    BootInfo out;

    LoaderTest() { fake_machine().reset(); }
    template <class T> void put(T value)
    {
        std::memcpy(hal::machine_bytes(at), &value, sizeof(value));
        at += sizeof(value);
    }
    void words(std::initializer_list<std::uint32_t> values)
    {
        for (const std::uint32_t value : values)
            put(value);
    }
    void text(const std::string& value)
    {
        std::memcpy(hal::machine_bytes(at), value.c_str(), value.size() + 1);
        at += value.size() + 1;
    }
    void tag(std::uint32_t type, std::initializer_list<std::uint32_t> values, const char* string)
    {
        const std::size_t bytes =
            8 + 4 * values.size() + (string != nullptr ? strlen(string) + 1 : 0);
        words({type, static_cast<std::uint32_t>(bytes)});
        words(values);
        if (string != nullptr)
            text(string);
        at = (at + 7) & ~std::uint64_t{7};
    }
    void finish()
    {
        tag(0, {}, nullptr);
        const auto total = static_cast<std::uint32_t>(at - kInfo);
        std::memcpy(hal::machine_bytes(kInfo), &total, sizeof(total));
    }
};

TEST_F(LoaderTest, TagsOfGrubNameNoFiles)
{
    words({0, 0});
    tag(1, {}, "placeholder dom0_mem=1G");
    tag(2, {}, "GRUB 2.06");
    tag(3, {0x200000, 0x300000}, "console=hvc0 quiet");
    tag(3, {0x400000, 0x400010}, "");
    tag(6, {24, 0, 0, 0, 0xa0000, 0, 1, 0, 0x100000, 0, 0x700000, 0, 1, 0}, nullptr);
    finish();
    ASSERT_TRUE(read_multiboot(kMultiboot2Magic, kInfo, out));
    EXPECT_EQ(out.command_line.view(), "placeholder dom0_mem=1G");
    EXPECT_EQ(out.kernel_arguments.view(), "console=hvc0 quiet");
    ASSERT_EQ(out.module_count, 2U);
    EXPECT_EQ(out.modules[1].end, 0x400010U);
    ASSERT_EQ(out.range_count, 2U);
    EXPECT_EQ(out.end_of_ram(), 0x800000U);
}

TEST_F(LoaderTest, OtherLoadersPutTheFileFirst)
{
    words({0, 0});
    tag(2, {}, "qemu");
    tag(1, {}, "zocalo-core maxcpus=1");
    tag(3, {0x200000, 0x300000}, "vmlinux");
    tag(6, {24, 0, 0, 0, 0xa0000, 0, 1, 0}, nullptr);
    finish();
    ASSERT_TRUE(read_multiboot(kMultiboot2Magic, kInfo, out));
    EXPECT_EQ(out.command_line.view(), "maxcpus=1");
    EXPECT_EQ(out.kernel_arguments.view(), "");
}

TEST_F(LoaderTest, ATagThatLeavesTheListIsRefused)
{
    words({0, 0});
    words({6, 0x7fffffff, 24, 0});
    finish();
    EXPECT_FALSE(read_multiboot(kMultiboot2Magic, kInfo, out));
}

TEST_F(LoaderTest, WithoutAMemoryMapNothingCanStart)
{
    words({0, 0});
    tag(1, {}, "x");
    finish();
    EXPECT_FALSE(read_multiboot(kMultiboot2Magic, kInfo, out));
    at = kInfo;
    words({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    EXPECT_FALSE(read_multiboot(kMultiboot1Magic, kInfo, out));
    EXPECT_FALSE(read_multiboot(0x12345678, kInfo, out));
}

TEST_F(LoaderTest, TheFirstMultibootIsReadAsWell)
{
    constexpr std::uint32_t kMap = 0x2000, kModules = 0x3000, kTexts = 0x4000;
    at = kTexts;
    text("core dom0_mem=512M");
    const auto second = static_cast<std::uint32_t>(at);
    text("vmlinux a b");
    at = kModules;
    words({0x500000, 0x600000, second, 0});
    at = kMap;
    words({20, 0, 0, 0x80000, 0, 1});
    at = kInfo;
    constexpr std::uint32_t kFlags = 1 << 2 | 1 << 3 | 1 << 6;
    words({kFlags, 0, 0, 0, kTexts, 1, kModules, 0, 0, 0, 0, 24, kMap, 0, 0, 0, 0});
    ASSERT_TRUE(read_multiboot(kMultiboot1Magic, kInfo, out));
    EXPECT_EQ(out.command_line.view(), "dom0_mem=512M");
    EXPECT_EQ(out.kernel_arguments.view(), "a b");
    EXPECT_EQ(out.end_of_ram(), 0x80000U);
}

} // namespace
} // namespace zocalo::hv
