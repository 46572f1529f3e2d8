// SPDX-License-Identifier: Apache-2.0
// A test in a network namespace of its own: it sees no link of the machine and leaves none behind.
#pragma once

#include "toolstackd/sys/bridge.hpp"
#include "toolstackd/sys/tap.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <linux/rtnetlink.h>
#include <optional>
#include <sched.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace zocalo::toolstack {

class NetworkNamespace : public ::testing::Test {
  protected:
    void SetUp() override
    {
        if (unshare(CLONE_NEWNET) != 0)
            GTEST_SKIP() << "no network namespace: " << std::strerror(errno) << " (run as root)";
        if (access("/dev/net/tun", R_OK | W_OK) != 0)
            GTEST_SKIP() << "/dev/net/tun: " << std::strerror(errno);
        auto opened = Netlink::open();
        ASSERT_TRUE(opened) << describe(opened.error());
        netlink_.emplace(std::move(*opened));
    }

    void make_link(const std::string& name, const char* kind)
    {
        NetlinkMessage request{RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{}};
        request.add_string(IFLA_IFNAME, name);
        const auto nest = request.begin_nest(IFLA_LINKINFO);
        request.add_string(IFLA_INFO_KIND, kind);
        request.end_nest(nest);
        const auto made = netlink_->change(request, "make a link");
        ASSERT_TRUE(made) << describe(made.error());
    }

    Tap make_tap(const std::string& name)
    {
        auto tap = create_tap(name);
        EXPECT_TRUE(tap) << describe(tap.error());
        return tap ? std::move(*tap) : Tap{};
    }

    std::optional<Netlink> netlink_;
};

inline std::vector<std::string> names(const Outcome<std::vector<Link>>& links)
{
    EXPECT_TRUE(links) << describe(links.error());
    std::vector<std::string> out;
    if (links)
        for (const Link& link : *links)
            out.push_back(link.name);
    return out;
}

} // namespace zocalo::toolstack
