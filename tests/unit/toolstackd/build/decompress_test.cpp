// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/build/packer.hpp"
#include "toolstackd/build/decompress.hpp"

#include <gtest/gtest.h>

namespace zocalo::toolstack {
namespace {

using namespace zocalo::test;
using xen::Packing;

constexpr std::size_t kLimit = 64 << 20;

Bytes sample(std::size_t size)
{
    Bytes bytes(size);
    std::uint32_t state = 12345;
    for (std::byte& b : bytes) {
        state = state * 1664525 + 1013904223;
        b = static_cast<std::byte>(state >> 24 & 0x1f); // compresses, but not to nothing
    }
    return bytes;
}

class EachPacking : public testing::TestWithParam<Packing> {};

TEST_P(EachPacking, GivesBackWhatWasPacked)
{
    for (const std::size_t size : {1u, 1000u, 3u << 19}) {
        const Bytes original = sample(size);
        const auto result = decompress(packed(original, GetParam()), GetParam(), kLimit);
        ASSERT_TRUE(result) << describe(result.error());
        EXPECT_TRUE(*result == original) << size;
    }
}

TEST_P(EachPacking, IsRecognizedByItsFirstBytes)
{
    EXPECT_EQ(xen::detect_packing(packed(sample(1000), GetParam())), GetParam());
}

TEST_P(EachPacking, StopsAtTheLimit)
{
    const Bytes bomb = packed(Bytes(9 << 20), GetParam());
    const auto result = decompress(bomb, GetParam(), 4 << 20);
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().what.find("more than 4 MiB"), std::string::npos)
        << describe(result.error());
    EXPECT_EQ(result.error().code, Code::usage);
}

TEST_P(EachPacking, RefusesAStreamThatEndsEarly)
{
    const Bytes whole = packed(sample(200'000), GetParam());
    for (const std::size_t size : {std::size_t{6}, whole.size() / 4, whole.size() / 2}) {
        const Bytes part{whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)};
        const auto result = decompress(part, GetParam(), kLimit);
        EXPECT_FALSE(result) << size;
    }
}

TEST_P(EachPacking, SurvivesDamageAnywhere)
{
    const Bytes original = sample(50'000);
    const Bytes whole = packed(original, GetParam());
    for (std::size_t at = 4; at + 4 < whole.size(); at += whole.size() / 50 + 1) {
        Bytes damaged = whole;
        damaged[at] ^= std::byte{0x55};
        const auto result = decompress(damaged, GetParam(), kLimit);
        // A format without checksums may not notice; it must stay within bounds.
        EXPECT_TRUE(!result || result->size() <= kLimit);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Formats,
    EachPacking,
    testing::Values(
        Packing::gzip, Packing::bzip2, Packing::lzma, Packing::xz, Packing::lz4, Packing::zstd
    ),
    [](const auto& row) { return std::string{xen::name(row.param)}; }
);

TEST(Decompress, JoinsTheBlocksOfAnLz4Frame)
{
    const Bytes original = sample(9 << 20); // blocks hold 8 MiB
    const auto result = decompress(packed(original, Packing::lz4), Packing::lz4, kLimit);
    ASSERT_TRUE(result) << describe(result.error());
    EXPECT_TRUE(*result == original);
}

TEST(Decompress, SaysThatLzoIsNotSupported)
{
    const auto result = decompress(Bytes(100), Packing::lzo, kLimit);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::unsupported);
    EXPECT_NE(result.error().what.find("lzo"), std::string::npos);
}

TEST(UnpackKernel, FindsTheElfFileInEveryKindOfKernelFile)
{
    const Bytes elf = kernel_file();
    for (const Bytes& file :
         {elf,
          make_bzimage(elf),
          make_bzimage(packed(elf, Packing::xz)),
          gzip(elf),
          make_bzimage(packed(elf, Packing::zstd)),
          make_bzimage(gzip(elf))}) {
        const auto result = unpack_kernel(file, kLimit);
        ASSERT_TRUE(result) << describe(result.error());
        EXPECT_GE(result->size(), elf.size());
        EXPECT_TRUE(std::equal(elf.begin(), elf.end(), result->begin()));
    }
}

TEST(UnpackKernel, RefusesWhatIsNoKernel)
{
    for (const Bytes& file :
         {Bytes{}, to_bytes("just text"), make_bzimage(to_bytes("just text"))}) {
        const auto result = unpack_kernel(file, kLimit);
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, Code::usage);
    }
    EXPECT_FALSE(unpack_kernel(kernel_file(), 100)) << "the limit holds for unpacked files too";
}

} // namespace
} // namespace zocalo::toolstack
