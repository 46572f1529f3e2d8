// SPDX-License-Identifier: Apache-2.0
// What backends counted, as block-list --stats and top -D show it.
#include "cli/commands/device_stats.hpp"
#include "tests/unit/cli/fake_daemon.hpp"
#include "tests/unit/cli/run_zl.hpp"

#include <gtest/gtest.h>

namespace zocalo::cli {
namespace {

rpc::DeviceStats disk(std::uint64_t fast, std::uint64_t slow)
{
    rpc::DeviceStats device;
    device.kind = "disk";
    device.name = "xvda";
    device.counters = {
        {"read_requests", fast + slow},
        {"read_bytes", (fast + slow) * 4096},
        {"in_flight", 3},
        {"medium_us_sum", fast * 10 + slow * 1000},
        {"medium_us_lt_16", fast},
        {"medium_us_lt_1024", slow}};
    return device;
}

TEST(DeviceStats, StagesHaveMeansAndPercentiles)
{
    const StageTimes times{disk(99, 1), "medium"};
    EXPECT_EQ(times.count(), 100U);
    EXPECT_EQ(times.mean_us(), 19U);
    EXPECT_EQ(times.below_us(50), 16U);
    EXPECT_EQ(times.below_us(99), 16U);
    EXPECT_EQ(times.below_us(100), 1024U);
    EXPECT_EQ((StageTimes{disk(98, 2), "medium"}.below_us(99)), 1024U);
    EXPECT_EQ((StageTimes{disk(1, 1), "fetch"}.below_us(99)), 0U);
    EXPECT_EQ((StageTimes{disk(1, 1), "fetch"}.mean_us()), 0U);
}

TEST(DeviceStats, WhatCameAfterIsToldApart)
{
    const StageTimes before{disk(100, 0), "medium"};
    const StageTimes rest = StageTimes{disk(100, 4), "medium"}.since(before);
    EXPECT_EQ(rest.count(), 4U);
    EXPECT_EQ(rest.mean_us(), 1000U);
    const StageTimes replaced = StageTimes{disk(2, 0), "medium"}.since(before);
    EXPECT_EQ(replaced.count(), 2U);
}

TEST(DeviceStats, TopShowsWhatDevicesDidBetweenTwoLooks)
{
    int looks = 0;
    FakeDaemon daemon{[&](const std::string& request) {
        if (request.find("/stats") != std::string::npos)
            return http_answer(
                200, json_of(std::vector{++looks == 1 ? disk(0, 0) : disk(4096, 0)})
            );
        rpc::DomainView web;
        web.uuid = "01234567-89ab-cdef-0123-456789abcdef";
        web.name = "web";
        web.domid = 7;
        return http_answer(200, json_of(std::vector{web}));
    }};
    const auto& s = daemon.socket_path();
    const Ended ended =
        run({"zl", "top", "-D", "-d", "0", "-o", "csv", "-c", "name,in_flight,medium_p99_us"}, s);
    EXPECT_EQ(ended.out, "name,in_flight,medium_p99_us\nweb,3,16\n") << ended.err;
    EXPECT_EQ(looks, 2);
    run({"zl", "top", "-d", "0"}, s);
    EXPECT_EQ(looks, 2); // only asked for when they are shown
}

} // namespace
} // namespace zocalo::cli
