// SPDX-License-Identifier: Apache-2.0
#include "common/xen-proto/xs_wire.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

namespace zocalo::xen {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

std::string packed(std::uint32_t type, std::uint32_t request, std::string_view payload)
{
    const XsHeaderBytes header = xs_header(type, request, 7, payload.size());
    return std::string(header.data(), header.size()) + std::string(payload);
}

struct Seen {
    std::uint32_t type, request;
    std::string payload;
    friend bool operator==(const Seen&, const Seen&) = default;
};

// Feeds `stream` in pieces of `step` bytes.
std::vector<Seen> read_all(XsReader& reader, std::string_view stream, std::size_t step)
{
    std::vector<Seen> seen;
    while (!stream.empty() && !reader.broken()) {
        std::string_view piece = stream.substr(0, step);
        while (!piece.empty() && !reader.broken()) {
            const std::size_t taken = reader.feed(piece);
            piece.remove_prefix(taken);
            stream.remove_prefix(taken);
            XsMessage m;
            while (reader.message(m))
                seen.push_back({m.header.type, m.header.req_id, std::string(m.payload)});
        }
    }
    return seen;
}

TEST(XsReader, YieldsTheSameMessagesHoweverTheStreamIsCut)
{
    const std::string stream =
        packed(XS_READ, 1, "value"s) + packed(XS_WRITE, 2, ""s) + packed(XS_ERROR, 3, "ENOENT\0"s);
    const std::vector<Seen> want{
        {XS_READ, 1, "value"}, {XS_WRITE, 2, ""}, {XS_ERROR, 3, "ENOENT\0"s}};
    for (std::size_t step = 1; step <= stream.size(); ++step) {
        XsReader reader;
        EXPECT_EQ(read_all(reader, stream, step), want) << "pieces of " << step;
        EXPECT_FALSE(reader.partial());
    }
}

TEST(XsReader, AcceptsTheLargestPayloadAndRefusesOneByteMore)
{
    XsReader good;
    EXPECT_EQ(read_all(good, packed(XS_READ, 1, std::string(kXsPayloadMax, 'x')), 1000).size(), 1u);
    EXPECT_FALSE(good.broken());

    XsReader bad;
    EXPECT_TRUE(read_all(bad, packed(XS_READ, 1, std::string(kXsPayloadMax + 1, 'x')), 64).empty());
    EXPECT_TRUE(bad.broken());
    EXPECT_EQ(bad.feed("more"), 0u);
}

TEST(XsReader, SaysThatAMessageIsOnlyHalfThere)
{
    XsReader reader;
    const std::string whole = packed(XS_READ, 1, "value");
    EXPECT_FALSE(reader.partial());
    reader.feed(std::string_view{whole}.substr(0, 3));
    EXPECT_TRUE(reader.partial());
    reader.feed(std::string_view{whole}.substr(3));
    EXPECT_FALSE(reader.partial());
}

TEST(XsStrings, AreCutAtNulAndTheLastMayLackIt)
{
    std::string_view rest = "a\0\0bc"sv;
    std::string_view out;
    ASSERT_TRUE(next_string(rest, out));
    EXPECT_EQ(out, "a");
    ASSERT_TRUE(next_string(rest, out));
    EXPECT_EQ(out, "");
    ASSERT_TRUE(next_string(rest, out));
    EXPECT_EQ(out, "bc");
    EXPECT_FALSE(next_string(rest, out));
}

TEST(XsWatchEvents, NeedAPathAndATokenBothTerminated)
{
    const auto event = watch_event("/local/domain/1/x\0"
                                   "12\0"sv);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->path, "/local/domain/1/x");
    EXPECT_EQ(event->token, "12");
    EXPECT_FALSE(watch_event(""));
    EXPECT_FALSE(watch_event("/path\0"sv));
    EXPECT_FALSE(watch_event("/path\0token"sv));
    EXPECT_FALSE(watch_event("\0token\0"sv));
}

TEST(XsNumbers, AreDecimalAndThirtyTwoBits)
{
    EXPECT_EQ(xs_number("4294967295").value_or(0), 4294967295u);
    EXPECT_FALSE(xs_number("4294967296"));
    EXPECT_FALSE(xs_number(""));
    EXPECT_FALSE(xs_number("-1"));
    EXPECT_FALSE(xs_number("12 "));
    EXPECT_FALSE(xs_number("99999999999999999999"));
}

} // namespace
} // namespace zocalo::xen
