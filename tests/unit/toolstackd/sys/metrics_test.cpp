// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/metrics.hpp"

#include <gtest/gtest.h>

namespace zocalo::toolstack {
namespace {

TEST(Metrics, CountersAddUpPerLabelSet)
{
    Metrics metrics;
    metrics.describe("zocalo_requests_total", "Requests answered.");
    metrics.add("zocalo_requests_total", {{"route", "/v1/host"}, {"status", "200"}});
    metrics.add("zocalo_requests_total", {{"route", "/v1/host"}, {"status", "200"}}, 2);
    MetricsText text;
    metrics.write(text);
    EXPECT_EQ(
        text.text(),
        "# HELP zocalo_requests_total Requests answered.\n"
        "# TYPE zocalo_requests_total counter\n"
        "zocalo_requests_total{route=\"/v1/host\",status=\"200\"} 3\n"
    );
}

TEST(Metrics, LabelValuesAreEscaped)
{
    MetricsText text;
    text.sample("m", {{"name", "a\"b\\c\nd"}}, 1.5);
    EXPECT_EQ(text.text(), "m{name=\"a\\\"b\\\\c\\nd\"} 1.5\n");
}

TEST(Metrics, LabelSetsAreBounded)
{
    Metrics metrics;
    for (int i = 0; i < 1010; ++i)
        metrics.add("m", {{"i", std::to_string(i)}});
    MetricsText text;
    metrics.write(text);
    EXPECT_NE(text.text().find("zocalo_metrics_dropped_total 10\n"), std::string::npos);
}

} // namespace
} // namespace zocalo::toolstack
