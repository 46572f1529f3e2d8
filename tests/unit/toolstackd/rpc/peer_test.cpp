// SPDX-License-Identifier: Apache-2.0
#include "common/posix/unique_fd.hpp"
#include "toolstackd/rpc/peer.hpp"

#include <gtest/gtest.h>

#include <sys/socket.h>

namespace zocalo::toolstack {
namespace {

constexpr AccessGroups kGroups{.admin = 900, .read = 901};

TEST(Peer, RootAndAdminsMayDoEverythingReadersMayLookOthersNothing)
{
    EXPECT_EQ(access_of(0, {}, kGroups), Access::admin);
    EXPECT_EQ(access_of(1000, {100, 900}, kGroups), Access::admin);
    EXPECT_EQ(access_of(1000, {901, 900}, kGroups), Access::admin);
    EXPECT_EQ(access_of(1000, {100, 901}, kGroups), Access::read);
    EXPECT_EQ(access_of(1000, {100}, kGroups), Access::none);
}

TEST(Peer, AGroupThatDoesNotExistGivesNobodyAnything)
{
    EXPECT_EQ(access_of(1000, {0, 900, 901}, AccessGroups{}), Access::none);
}

TEST(Peer, TheKernelSaysWhoConnected)
{
    int pair[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    const UniqueFd near{pair[0]}, far{pair[1]};
    const auto peer = identify(near.get(), AccessGroups{.read = getgid()});
    ASSERT_TRUE(peer) << peer.error().what;
    EXPECT_EQ(peer->uid, getuid());
    EXPECT_EQ(peer->pid, getpid());
    EXPECT_EQ(peer->access, getuid() == 0 ? Access::admin : Access::read);
}

TEST(Peer, SomethingElseThanASocketIsAnError)
{
    EXPECT_FALSE(identify(-1, kGroups));
}

} // namespace
} // namespace zocalo::toolstack
