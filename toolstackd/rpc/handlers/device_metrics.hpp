// SPDX-License-Identifier: Apache-2.0
// What backends counted, as Prometheus has it: counters, gauges and histograms.
#pragma once

#include "common/rpc/views.hpp"
#include "toolstackd/sys/metrics.hpp"

#include <string>
#include <utility>
#include <vector>

namespace zocalo::toolstack {

struct DomainStats {
    std::string name, uuid;
    std::vector<rpc::DeviceStats> devices;
};

void write_devices(MetricsText& text, const std::vector<DomainStats>& domains);

} // namespace zocalo::toolstack
