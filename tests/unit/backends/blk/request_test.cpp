// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/request.hpp"
#include "tests/unit/backends/blk/request_builder.hpp"

#include <gtest/gtest.h>

#include <array>

namespace zocalo::blk {
namespace {

using test::direct;
using test::discard;
using test::indirect;

struct RequestTest : testing::Test {
    Limits limits{1000, 512, false};
    std::array<Segment, kMaxSegments> segments{};

    Result<Request, Refusal> read(const blkif_request& wire)
    {
        Slot slot{};
        std::memcpy(slot.data(), &wire, sizeof wire);
        return parse(slot, layout(backend::RingAbi::native), limits, segments);
    }
};

TEST_F(RequestTest, ADirectRequestIsRead)
{
    auto request = read(direct(BLKIF_OP_WRITE, 77, 10, {{5, 0, 7}, {6, 2, 3}}));
    ASSERT_TRUE(request);
    EXPECT_EQ(request->id, 77u);
    EXPECT_EQ(request->operation, Operation::write);
    EXPECT_EQ(request->sector, 10u);
    EXPECT_EQ(request->segments, 2);
    EXPECT_EQ(request->bytes, 10u * 512);
    EXPECT_EQ(segments[1].ref, GrantRef{6});
    EXPECT_EQ(segments[1].bytes(), 1024u);
}

TEST_F(RequestTest, SegmentsMustLieInTheirPage)
{
    EXPECT_FALSE(read(direct(BLKIF_OP_READ, 1, 0, {{5, 3, 2}})));
    EXPECT_FALSE(read(direct(BLKIF_OP_READ, 1, 0, {{5, 0, 8}})));
    EXPECT_FALSE(read(direct(BLKIF_OP_READ, 1, 0, {{5, 0, 7}, {5, 255, 255}})));
    EXPECT_TRUE(read(direct(BLKIF_OP_READ, 1, 0, {{5, 7, 7}})));
}

TEST_F(RequestTest, TheNumberOfSegmentsIsBounded)
{
    blkif_request wire = direct(BLKIF_OP_READ, 1, 0, {{5, 0, 7}});
    wire.nr_segments = 0;
    EXPECT_FALSE(read(wire));
    wire.nr_segments = BLKIF_MAX_SEGMENTS_PER_REQUEST + 1;
    EXPECT_FALSE(read(wire));
    wire.nr_segments = 255;
    EXPECT_FALSE(read(wire));
}

TEST_F(RequestTest, TheEndOfTheDiskIsTheEnd)
{
    EXPECT_TRUE(read(direct(BLKIF_OP_READ, 1, 992, {{5, 0, 7}})));
    EXPECT_FALSE(read(direct(BLKIF_OP_READ, 1, 993, {{5, 0, 7}})));
    EXPECT_FALSE(read(direct(BLKIF_OP_READ, 1, 1000, {{5, 0, 0}})));
    EXPECT_FALSE(read(direct(BLKIF_OP_READ, 1, ~std::uint64_t{0}, {{5, 0, 7}})));
    EXPECT_FALSE(read(direct(BLKIF_OP_READ, 1, ~std::uint64_t{0} - 7, {{5, 0, 7}})));
    EXPECT_FALSE(read(direct(BLKIF_OP_READ, 1, std::uint64_t{1} << 55, {{5, 0, 7}})));
}

TEST_F(RequestTest, UnitsAreHalfKibibytesWhateverTheSectorSize)
{
    limits.sector_size = 4096;
    EXPECT_TRUE(read(direct(BLKIF_OP_READ, 1, 8, {{5, 0, 7}})));
    EXPECT_FALSE(read(direct(BLKIF_OP_READ, 1, 1, {{5, 0, 7}}))); // starts inside a sector
    EXPECT_FALSE(read(direct(BLKIF_OP_READ, 1, 8, {{5, 0, 3}}))); // half a sector
    EXPECT_TRUE(read(direct(BLKIF_OP_READ, 1, 8, {{5, 0, 3}, {6, 0, 3}})));
}

TEST_F(RequestTest, AReadOnlyDiskRefusesWritesOfBothForms)
{
    limits.read_only = true;
    EXPECT_FALSE(read(direct(BLKIF_OP_WRITE, 1, 0, {{5, 0, 7}})));
    EXPECT_FALSE(read(indirect(BLKIF_OP_WRITE, 1, 0, 20, 9)));
    EXPECT_TRUE(read(direct(BLKIF_OP_READ, 1, 0, {{5, 0, 7}})));
    EXPECT_TRUE(read(direct(BLKIF_OP_FLUSH_DISKCACHE, 1, 0, {})));
}

TEST_F(RequestTest, UnknownOperationsAreUnsupportedAndMalformedOnesErrors)
{
    for (int op : {BLKIF_OP_DISCARD, BLKIF_OP_RESERVED_1, 7, 255}) {
        auto request = read(direct(static_cast<std::uint8_t>(op), 42, 0, {{5, 0, 7}}));
        ASSERT_FALSE(request);
        EXPECT_EQ(request.error().status, Status::unsupported);
        EXPECT_EQ(request.error().id, 42u);
        EXPECT_EQ(request.error().wire_operation, op);
    }
    auto broken = read(direct(BLKIF_OP_READ, 43, 5000, {{5, 0, 7}}));
    ASSERT_FALSE(broken);
    EXPECT_EQ(broken.error().status, Status::error);
    EXPECT_EQ(broken.error().id, 43u);
    EXPECT_FALSE(read(direct(BLKIF_OP_FLUSH_DISKCACHE, 1, 0, {{5, 0, 7}})));
}

TEST_F(RequestTest, ABarrierIsAWriteOrNothing)
{
    auto request = read(direct(BLKIF_OP_WRITE_BARRIER, 4, 8, {{5, 0, 7}}));
    ASSERT_TRUE(request);
    EXPECT_EQ(request->operation, Operation::barrier);
    EXPECT_EQ(request->bytes, 4096u);
    request = read(direct(BLKIF_OP_WRITE_BARRIER, 4, 1'000'000, {}));
    ASSERT_TRUE(request);
    EXPECT_EQ(request->bytes, 0u);
    EXPECT_EQ(request->sector, 0u);
    EXPECT_FALSE(read(direct(BLKIF_OP_WRITE_BARRIER, 4, 1'000'000, {{5, 0, 7}})));
    limits.read_only = true;
    EXPECT_FALSE(read(direct(BLKIF_OP_WRITE_BARRIER, 4, 8, {{5, 0, 7}})));
    EXPECT_FALSE(read(indirect(BLKIF_OP_WRITE_BARRIER, 4, 8, 20, 9)));
}

TEST_F(RequestTest, ADiscardIsReadWhenItWasOffered)
{
    EXPECT_EQ(read(discard(9, 8, 16)).error().status, Status::unsupported);
    limits.discard = true;
    auto request = read(discard(9, 8, 16));
    ASSERT_TRUE(request);
    EXPECT_EQ(request->operation, Operation::discard);
    EXPECT_EQ(request->sector, 8u);
    EXPECT_EQ(request->discarded, 16u);
    EXPECT_EQ(request->segments, 0);
    EXPECT_EQ(read(discard(9, 8, 16, BLKIF_DISCARD_SECURE)).error().status, Status::unsupported);
    limits.secure_discard = true;
    EXPECT_EQ(read(discard(9, 8, 16, BLKIF_DISCARD_SECURE))->operation, Operation::secure_discard);
}

TEST_F(RequestTest, ADiscardMustLieInsideTheDisk)
{
    limits.discard = true;
    EXPECT_TRUE(read(discard(1, 0, 1000)));
    EXPECT_FALSE(read(discard(1, 0, 0)));
    EXPECT_FALSE(read(discard(1, 0, 1001)));
    EXPECT_FALSE(read(discard(1, 1001, 1)));
    EXPECT_FALSE(read(discard(1, 8, 0xffffffffffffffff)));
    limits.sector_size = 4096;
    EXPECT_FALSE(read(discard(1, 4, 8)));
    EXPECT_FALSE(read(discard(1, 8, 4)));
    limits.read_only = true;
    EXPECT_FALSE(read(discard(1, 0, 8)));
}

TEST_F(RequestTest, AnIndirectRequestIsReadInTwoSteps)
{
    auto head = read(indirect(BLKIF_OP_READ, 9, 100, 20, 33));
    ASSERT_TRUE(head);
    EXPECT_EQ(head->tables, 1);
    EXPECT_EQ(head->table[0], GrantRef{33});
    EXPECT_EQ(head->wire_operation, BLKIF_OP_READ); // as Linux answers and expects it

    std::array<blkif_request_segment, kSegmentsPerTable> table{};
    for (std::uint32_t i = 0; i < 20; ++i)
        table[i] = {i, 0, 7};
    auto request = read_tables(*head, std::as_bytes(std::span{table}), limits, segments);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->bytes, 20u * 4096);
    EXPECT_EQ(segments[19].ref, GrantRef{19});

    table[19].last_sect = 8;
    EXPECT_FALSE(read_tables(*head, std::as_bytes(std::span{table}), limits, segments));
    table[19] = {19, 5, 4};
    EXPECT_FALSE(read_tables(*head, std::as_bytes(std::span{table}), limits, segments));
    limits.sectors = 150;
    table[19] = {19, 0, 7};
    EXPECT_FALSE(read_tables(*head, std::as_bytes(std::span{table}), limits, segments));
}

TEST_F(RequestTest, IndirectCountsBeyondWhatWasAdvertisedAreRefused)
{
    EXPECT_FALSE(read(indirect(BLKIF_OP_READ, 1, 0, 0, 33)));
    EXPECT_TRUE(read(indirect(BLKIF_OP_READ, 1, 0, kMaxSegments, 33)));
    EXPECT_FALSE(read(indirect(BLKIF_OP_READ, 1, 0, kMaxSegments + 1, 33)));
    EXPECT_FALSE(read(indirect(BLKIF_OP_READ, 1, 0, 65535, 33)));
    EXPECT_FALSE(read(indirect(BLKIF_OP_FLUSH_DISKCACHE, 1, 0, 20, 33)));
    EXPECT_FALSE(read(indirect(BLKIF_OP_INDIRECT, 1, 0, 20, 33)));
}

TEST_F(RequestTest, AThirtyTwoBitGuestsLayoutIsRead)
{
    // As a 32-bit compiler lays blkif_request out: 64-bit fields on four-byte boundaries.
    struct [[gnu::packed]] Wire {
        std::uint8_t operation, nr_segments;
        std::uint16_t handle;
        std::uint64_t id;
        std::uint64_t sector_number;
        blkif_request_segment seg[11];
    };
    static_assert(sizeof(Wire) == 108);
    Wire wire{BLKIF_OP_READ, 2, 0, 0x1122334455667788, 16, {{3, 0, 7}, {4, 1, 1}}};
    Slot slot{};
    std::memcpy(slot.data(), &wire, sizeof wire);
    const Layout& small = layout(backend::RingAbi::x86_32);
    EXPECT_EQ(small.slot, sizeof wire);
    auto request = parse(slot, small, limits, segments);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->id, 0x1122334455667788u);
    EXPECT_EQ(request->sector, 16u);
    EXPECT_EQ(segments[1].ref, GrantRef{4});
    EXPECT_EQ(request->bytes, 9u * 512);
}

TEST(Response, HasNoStaleBytesInItsPadding)
{
    const auto bytes = make_response(~std::uint64_t{0}, 0xff, -1);
    for (std::size_t i = 12; i < bytes.size(); ++i)
        EXPECT_EQ(bytes[i], std::byte{0});
    blkif_response response;
    std::memcpy(&response, bytes.data(), sizeof response);
    EXPECT_EQ(response.id, ~std::uint64_t{0});
    EXPECT_EQ(response.operation, 0xff);
    EXPECT_EQ(response.status, BLKIF_RSP_ERROR);
}

} // namespace
} // namespace zocalo::blk
