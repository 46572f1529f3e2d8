// SPDX-License-Identifier: Apache-2.0
// What the daemon itself uses: the process_* families every Prometheus client writes (proc(5)).
#pragma once

#include "toolstackd/sys/metrics.hpp"

namespace zocalo::toolstack {

void write_process_metrics(MetricsText& text);

} // namespace zocalo::toolstack
