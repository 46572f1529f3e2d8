// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/rpc/handlers/device_metrics.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <string_view>

namespace zocalo::toolstack {
namespace {

// Counters that say what is now; all others only grow.
constexpr std::array<std::string_view, 6> kGauges{
    "in_flight", "queues", "persistent_grants", "buffer_pages", "io_uring", "rx_stalled_queues"};

struct Histogram {
    double sum = 0;
    std::map<std::uint64_t, double> below; // by upper bound in microseconds
};

struct Sample {
    Labels labels;
    double value;
};

// STAGE_us_sum and STAGE_us_lt_BOUND (backends/blk/histogram.hpp) go to `stages`; false for others.
bool take_stage(std::string_view name, double value, std::map<std::string, Histogram>& stages)
{
    if (name.ends_with("_us_sum")) {
        stages[std::string(name.substr(0, name.size() - 7))].sum = value;
        return true;
    }
    const std::size_t at = name.find("_us_lt_");
    if (at == std::string_view::npos)
        return false;
    const std::string_view digits = name.substr(at + 7);
    std::uint64_t bound = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bound);
    if (error == std::errc{} && end == digits.data() + digits.size())
        stages[std::string(name.substr(0, at))].below[bound] = value;
    return true;
}

void write_histogram(
    MetricsText& text, const std::string& family, const Labels& labels, const Histogram& histogram
)
{
    double count = 0;
    for (const auto& [bound, value] : histogram.below) {
        count += value;
        Labels with = labels;
        with.emplace_back("le", std::to_string(static_cast<double>(bound) / 1e6));
        text.sample(family + "_bucket", with, count);
    }
    Labels all = labels;
    all.emplace_back("le", "+Inf");
    text.sample(family + "_bucket", all, count);
    text.sample(family + "_sum", labels, histogram.sum / 1e6);
    text.sample(family + "_count", labels, count);
}

} // namespace

void write_devices(MetricsText& text, const std::vector<DomainStats>& domains)
{
    std::map<std::string, std::vector<Sample>> families; // "disk_read_bytes"
    std::vector<std::pair<Labels, std::map<std::string, Histogram>>> disks;
    for (const DomainStats& domain : domains) {
        for (const rpc::DeviceStats& device : domain.devices) {
            const Labels labels{
                {"name", domain.name}, {"uuid", domain.uuid}, {"device", device.name}};
            std::map<std::string, Histogram> stages;
            for (const auto& [name, value] : device.counters) {
                const double number = value.is_number() ? value.to_number<double>() : 0;
                if (!take_stage(name, number, stages))
                    families[device.kind + "_" + std::string(name)].push_back({labels, number});
            }
            if (!stages.empty())
                disks.emplace_back(labels, std::move(stages));
        }
    }
    for (const auto& [name, samples] : families) {
        const std::string_view counter = std::string_view{name}.substr(name.find('_') + 1);
        const bool gauge = std::find(kGauges.begin(), kGauges.end(), counter) != kGauges.end();
        const std::string family = "zocalo_" + name + (gauge ? "" : "_total");
        text.family(family, gauge ? "gauge" : "counter", "Of a device's backend.");
        for (const Sample& sample : samples)
            text.sample(family, sample.labels, sample.value);
    }
    if (disks.empty())
        return;
    const std::string family = "zocalo_disk_stage_seconds";
    text.family(family, "histogram", "How long requests were in each stage of the disk backend.");
    for (const auto& [labels, stages] : disks)
        for (const auto& [stage, histogram] : stages) {
            Labels with = labels;
            with.emplace_back("stage", stage);
            write_histogram(text, family, with, histogram);
        }
}

} // namespace zocalo::toolstack
