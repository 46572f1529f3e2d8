// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/build/scratch.hpp"
#include "toolstackd/core/sparse_file.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <sys/stat.h>
#include <vector>

namespace zocalo::toolstack {
namespace {

using ::testing::HasSubstr;

struct SparseFiles : ::testing::Test {
    test::Scratch scratch;
    std::string path = (scratch.path() / "x.core").string();
    std::string contents() const
    {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
};

std::span<const std::byte> bytes(const std::string& text)
{
    return std::as_bytes(std::span(text));
}

TEST_F(SparseFiles, HoldsWhatWasAppendedWhateverThePieces)
{
    auto file = SparseFile::create(path, 1 << 20);
    ASSERT_TRUE(file);
    const std::string head = "head", zeros(10'000, '\0'), tail(5'000, 'x');
    for (const std::string* piece : {&head, &zeros, &tail})
        ASSERT_TRUE(file->append(bytes(*piece)));
    ASSERT_TRUE(file->finish());
    EXPECT_EQ(contents(), head + zeros + tail);
}

TEST_F(SparseFiles, ZerosTakeNoRoomAndDoNotCount)
{
    auto file = SparseFile::create(path, 8192);
    ASSERT_TRUE(file);
    const std::string zeros(4 << 20, '\0');
    ASSERT_TRUE(file->append(bytes("begin")));
    ASSERT_TRUE(file->append(bytes(zeros)));
    ASSERT_TRUE(file->finish());
    EXPECT_EQ(file->written(), 5U);
    struct stat found {};
    ASSERT_EQ(::stat(path.c_str(), &found), 0);
    EXPECT_EQ(found.st_size, 5 + (4 << 20));
    EXPECT_LE(found.st_blocks * 512, 64 << 10);
    EXPECT_EQ(found.st_mode & 0777, 0600U);
}

TEST_F(SparseFiles, StopsAtItsLimit)
{
    auto file = SparseFile::create(path, 8192);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->append(bytes(std::string(8192, 'x'))));
    const auto more = file->append(bytes("x"));
    ASSERT_FALSE(more);
    EXPECT_THAT(more.error().what, HasSubstr("would take more than"));
}

TEST_F(SparseFiles, HasOneWriter)
{
    auto first = SparseFile::create(path, 1);
    ASSERT_TRUE(first);
    const auto second = SparseFile::create(path, 1);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::conflict);
}

} // namespace
} // namespace zocalo::toolstack
