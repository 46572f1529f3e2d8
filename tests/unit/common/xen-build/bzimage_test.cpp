// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/bzimage.hpp"
#include "tests/unit/common/xen-build/image_maker.hpp"

#include <gtest/gtest.h>

namespace zocalo::xen {
namespace {

using namespace zocalo::test;

BuildFault fault_of(const Bytes& file)
{
    const auto payload = bzimage_payload(file);
    EXPECT_FALSE(payload) << "the file was accepted";
    return payload ? BuildFault{} : payload.error();
}

TEST(BzImage, FindsThePayloadBehindTheSetupSectors)
{
    const Bytes file = make_bzimage(to_bytes("payload"));
    const auto payload = bzimage_payload(file);
    ASSERT_TRUE(payload);
    EXPECT_EQ(payload->offset, 1024u + 16);
    EXPECT_EQ(payload->length, 7u);
    EXPECT_TRUE(is_bzimage(file));
}

TEST(BzImage, TakesZeroSetupSectorsAsFour)
{
    Bytes file = make_bzimage(to_bytes("x"));
    put(file, 0x1f1, 0, 1);
    file.resize(5 * 512 + 17);
    const auto payload = bzimage_payload(file);
    ASSERT_TRUE(payload);
    EXPECT_EQ(payload->offset, 5u * 512 + 16);
}

TEST(BzImage, RefusesWhatItCannotLocate)
{
    EXPECT_EQ(fault_of(to_bytes("nothing")), BuildFault::unknown_format);
    EXPECT_FALSE(is_bzimage(to_bytes("nothing")));
    Bytes file = make_bzimage(to_bytes("payload"));
    put(file, 0x206, 0x207, 2);
    EXPECT_EQ(fault_of(file), BuildFault::bzimage_too_old);
    file = make_bzimage(to_bytes("payload"));
    put(file, 0x1f1, 255, 1);
    EXPECT_EQ(fault_of(file), BuildFault::bzimage_bad_setup);
    file = make_bzimage(to_bytes("payload"));
    put(file, 0x24c, 8, 4); // one byte too many
    EXPECT_EQ(fault_of(file), BuildFault::bzimage_bad_payload);
    put(file, 0x24c, 0, 4);
    EXPECT_EQ(fault_of(file), BuildFault::bzimage_bad_payload);
    put(file, 0x248, 0xffffffff, 4);
    put(file, 0x24c, 0xffffffff, 4);
    EXPECT_EQ(fault_of(file), BuildFault::bzimage_bad_payload);
}

TEST(BzImage, RefusesAHeaderThatEndsEarly)
{
    const Bytes whole = make_bzimage(to_bytes("payload"));
    for (std::size_t size = 0x206; size < 0x250; ++size) {
        const Bytes part{whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)};
        EXPECT_EQ(
            fault_of(part),
            size < 0x250 && size >= 0x208 + 0x48 ? BuildFault::bzimage_bad_setup
                                                 : BuildFault::truncated
        ) << size;
    }
}

TEST(Packing, IsToldByTheFirstBytes)
{
    EXPECT_EQ(detect_packing(kernel_file()), Packing::none);
    EXPECT_EQ(detect_packing(to_bytes("\x1f\x8b\x08")), Packing::gzip);
    EXPECT_EQ(detect_packing(to_bytes("BZh9")), Packing::bzip2);
    EXPECT_EQ(
        detect_packing(to_bytes("\xfd"
                                "7zXZ")),
        Packing::xz
    );
    EXPECT_EQ(detect_packing(to_bytes("\x89LZO")), Packing::lzo);
    EXPECT_EQ(detect_packing(to_bytes("\x02\x21\x4c\x18")), Packing::lz4);
    EXPECT_EQ(detect_packing(to_bytes("\x28\xb5\x2f\xfd")), Packing::zstd);
    EXPECT_EQ(detect_packing(to_bytes(std::string_view{"]\0\0\0", 4})), Packing::lzma);
    EXPECT_EQ(detect_packing(to_bytes("hello")), Packing::unknown);
    EXPECT_EQ(detect_packing({}), Packing::unknown);
}

} // namespace
} // namespace zocalo::xen
