// SPDX-License-Identifier: Apache-2.0
// Metrics: counters that any part of the daemon increments, written out as Prometheus text
// (version 0.0.4) by GET /metrics. Daemon's thread only. Names are ours and constant; label values
// may come from outside and are escaped.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace zocalo::toolstack {

using Labels = std::vector<std::pair<std::string, std::string>>;

// Collects lines of the exposition format; each family is announced once, before its samples.
class MetricsText {
  public:
    void family(const std::string& name, const char* type, const char* help);
    void sample(const std::string& name, const Labels& labels, double value);
    const std::string& text() const { return text_; }

  private:
    std::string text_;
};

class Metrics {
  public:
    // Adds to the counter of that name and these labels. At most 1000 combinations are kept; what
    // is beyond is counted under zocalo_metrics_dropped_total.
    void add(const std::string& name, const Labels& labels, double value = 1);
    // What a counter means; without it the help line repeats the name.
    void describe(const std::string& name, std::string help);
    // `source` writes further families whenever somebody asks.
    void on_collect(std::function<void(MetricsText&)> source);

    void write(MetricsText& text) const;

  private:
    struct Family {
        std::string help;
        std::map<Labels, double> values;
    };
    std::map<std::string, Family> families_;
    std::vector<std::function<void(MetricsText&)>> sources_;
    std::size_t combinations_{};
};

} // namespace zocalo::toolstack
