// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/app/process_metrics.hpp"

#include <filesystem>
#include <fstream>
#include <sys/resource.h>
#include <unistd.h>

namespace zocalo::toolstack {
namespace {

double seconds(const timeval& time)
{
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

} // namespace

void write_process_metrics(MetricsText& text)
{
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    text.family("process_cpu_seconds_total", "counter", "CPU time of the daemon.");
    text.sample("process_cpu_seconds_total", {}, seconds(usage.ru_utime) + seconds(usage.ru_stime));

    double pages = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> pages >> resident;
    const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
    text.family("process_resident_memory_bytes", "gauge", "Memory of the daemon.");
    text.sample("process_resident_memory_bytes", {}, resident * page);

    std::error_code failure;
    double open = 0;
    for ([[maybe_unused]] const auto& fd :
         std::filesystem::directory_iterator("/proc/self/fd", failure))
        ++open;
    text.family("process_open_fds", "gauge", "Open descriptors of the daemon.");
    text.sample("process_open_fds", {}, open);
}

} // namespace zocalo::toolstack
