// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/xenstore/commit.hpp"

#include <gtest/gtest.h>
#include <xen/io/xs_wire.h>

#include <cerrno>

namespace zocalo::toolstack {
namespace {

using Kind = StoreChange::Kind;

TEST(Commit, SendsGuardsFirstAndPermissionsAfterTheirNode)
{
    const auto commit = Commit::plan(
        {{Kind::write, "/a/b", "v", {"n7", "r0"}}, {Kind::remove, "/a/c", "", {}}},
        {{"/a", std::nullopt, false}}
    );
    ASSERT_TRUE(commit);
    ASSERT_EQ(commit->requests().size(), 4u);
    EXPECT_EQ(commit->requests()[0], (XsRequest{XS_READ, std::string("/a\0", 3)}));
    EXPECT_EQ(commit->requests()[1], (XsRequest{XS_WRITE, std::string("/a/b\0v", 6)}));
    EXPECT_EQ(commit->requests()[2], (XsRequest{XS_SET_PERMS, std::string("/a/b\0n7\0r0\0", 11)}));
    EXPECT_EQ(commit->requests()[3], (XsRequest{XS_RM, std::string("/a/c\0", 5)}));
    EXPECT_TRUE(commit->needs_transaction());
}

TEST(Commit, NeedsNoTransactionForChangesWithoutGuards)
{
    EXPECT_FALSE(Commit::plan({{Kind::write, "/a", "v", {}}}, {})->needs_transaction());
    EXPECT_FALSE(Commit::plan({{Kind::write, "/a", "v", {"n1"}}}, {})->needs_transaction());
    EXPECT_TRUE(Commit::plan(
                    {{Kind::write, "/a", "v", {}}}, {{"/b", std::nullopt, true}}
    )->needs_transaction());
}

TEST(Commit, RefusesWhatXenstoredWouldRefuse)
{
    for (const char* path : {"", "relative", "/a//b", "/a/", "/sp ace", "/new\nline"})
        EXPECT_EQ(Commit::plan({{Kind::write, path, "", {}}}, {}).error().code, Code::usage)
            << path;
    EXPECT_FALSE(Commit::plan({{Kind::write, "/" + std::string(3072, 'a'), "", {}}}, {}));
    EXPECT_FALSE(Commit::plan({{Kind::write, "/a", std::string(4094, 'a'), {}}}, {}));
    EXPECT_TRUE(Commit::plan({{Kind::write, "/a", std::string(4093, 'a'), {}}}, {}));
    for (const char* permission : {"", "n", "x1", "n-1", "rw1"})
        EXPECT_FALSE(Commit::plan({{Kind::write, "/a", "", {permission}}}, {})) << permission;
}

TEST(Commit, JudgesGuardsAsConflicts)
{
    const auto commit = Commit::plan(
        {{Kind::write, "/d/x", "1", {}}},
        {{"/d", std::nullopt, false}, {"/d/uuid", "u", false}, {"/d/new", std::nullopt, true}}
    );
    const XsReply there{}, u{0, "u"}, none{ENOENT, {}}, other{0, "v"}, denied{EACCES, {}};
    const auto judge = [&](XsReply a, XsReply b, XsReply c) {
        return commit->judge(std::vector<XsReply>{a, b, c, there});
    };
    EXPECT_TRUE(judge(there, u, none));
    EXPECT_EQ(judge(none, u, none).error().code, Code::conflict);
    EXPECT_EQ(judge(there, other, none).error().code, Code::conflict);
    EXPECT_EQ(judge(there, none, none).error().code, Code::conflict);
    EXPECT_EQ(judge(there, u, there).error().code, Code::conflict);
    EXPECT_EQ(judge(denied, u, none).error().code, Code::denied);
    EXPECT_FALSE(commit->judge({}));
}

TEST(Commit, TakesARemovalOfWhatIsGoneForDoneAndAnyOtherErrorForFailure)
{
    const auto commit =
        Commit::plan({{Kind::remove, "/d/x", "", {}}, {Kind::write, "/d/y", "", {}}}, {});
    EXPECT_TRUE(commit->judge(std::vector<XsReply>{{ENOENT, {}}, {}}));
    const auto quota = commit->judge(std::vector<XsReply>{{}, {ENOSPC, {}}});
    ASSERT_FALSE(quota);
    EXPECT_NE(quota.error().what.find("/d/y"), std::string::npos);
    EXPECT_FALSE(quota.error().next.empty());
}

TEST(ConflictPause, GrowsFromNothingAndStaysBounded)
{
    std::minstd_rand random{1};
    EXPECT_EQ(conflict_pause(2, random).count(), 0);
    for (unsigned attempt = 3; attempt < 100; ++attempt) {
        EXPECT_GE(conflict_pause(attempt, random).count(), 1);
        EXPECT_LE(conflict_pause(attempt, random).count(), 64);
    }
}

TEST(XsErrors, AreNamedAsInTheHeaderAndUnknownOnesAreInvalid)
{
    EXPECT_EQ(xs_errno(std::string_view("ENOENT\0", 7)), ENOENT);
    EXPECT_EQ(xs_errno("EAGAIN"), EAGAIN);
    EXPECT_EQ(xs_errno("EWHATEVER"), EINVAL);
    EXPECT_EQ(xs_errno(""), EINVAL);
}

} // namespace
} // namespace zocalo::toolstack
