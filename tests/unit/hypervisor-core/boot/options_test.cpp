// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/boot/options.hpp"

#include <gtest/gtest.h>

namespace zocalo::hv {
namespace {

TEST(Options, MemoryIsInKibibytesUnlessAUnitSaysOtherwise)
{
    EXPECT_EQ(parse_size("4096"), 4096ULL << 10);
    EXPECT_EQ(parse_size("512M"), 512ULL << 20);
    EXPECT_EQ(parse_size("2G"), 2ULL << 30);
    EXPECT_EQ(parse_size("7B"), 7ULL);
    EXPECT_FALSE(parse_size("M"));
    EXPECT_FALSE(parse_size("12x"));
    EXPECT_FALSE(parse_size("99999999999999T"));
}

TEST(Options, TheLineOfTheLabIsUnderstood)
{
    const Options options = parse_options(
        "console=com1 com1=115200,8n1  loglvl=info noreboot=1 dom0_mem=1024M,max:1024M "
        "dom0_max_vcpus=2 maxcpus=4"
    );
    EXPECT_EQ(options.dom0_bytes, 1ULL << 30);
    EXPECT_EQ(options.dom0_vcpus, 2U);
    EXPECT_EQ(options.processors, 4U);
    EXPECT_TRUE(options.stays_down);
    EXPECT_TRUE(options.first_unknown.empty());
}

TEST(Options, AFlagIsSetByItsNameAndCanBeTakenBack)
{
    EXPECT_FALSE(parse_options("").stays_down);
    EXPECT_TRUE(parse_options("noreboot").stays_down);
    EXPECT_FALSE(parse_options("noreboot=1 noreboot=0").stays_down);
    EXPECT_TRUE(parse_options("noreboot=no noreboot=on").stays_down);
    EXPECT_EQ(parse_options("noreboot=perhaps").first_unknown, "noreboot=perhaps");
}

TEST(Options, TheFirstUnknownOneIsNamed)
{
    EXPECT_EQ(parse_options("loglvl=all dom0_mme=1G other").first_unknown, "dom0_mme=1G");
    EXPECT_EQ(parse_options("dom0_max_vcpus=0").first_unknown, "dom0_max_vcpus=0");
    EXPECT_TRUE(parse_options("").first_unknown.empty());
}

} // namespace
} // namespace zocalo::hv
