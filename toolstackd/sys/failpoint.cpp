// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/failpoint.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <unistd.h>
#include <utility>

namespace zocalo::toolstack {
namespace {

struct Settings {
    bool armed{};
    unsigned long kill_at{};
    int log{-1};
    bool times{};
    std::function<void(const char*)> hook;
};

Settings from_environment()
{
    Settings settings;
    if (const char* k = std::getenv("ZOCALO_FAILPOINT_KILL"))
        settings.kill_at = std::strtoul(k, nullptr, 10);
    if (const char* file = std::getenv("ZOCALO_FAILPOINT_LOG"))
        settings.log = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    settings.times = std::getenv("ZOCALO_FAILPOINT_TIMES") != nullptr;
    settings.armed = settings.kill_at != 0 || settings.log >= 0;
    return settings;
}

Settings& settings()
{
    static Settings instance = from_environment();
    return instance;
}

// Blocking work on a pool passes failpoints too.
std::atomic<unsigned long> passed;

} // namespace

void failpoint(const char* name)
{
    const Settings& s = settings();
    if (s.hook)
        return s.hook(name);
    if (!s.armed)
        return;
    const unsigned long pass = ++passed;
    if (s.log >= 0) {
        std::string line = name;
        if (s.times)
            line +=
                " " + std::to_string(std::chrono::steady_clock::now().time_since_epoch().count());
        line += "\n";
        [[maybe_unused]] const auto written = write(s.log, line.data(), line.size());
    }
    if (pass == s.kill_at)
        std::raise(SIGKILL);
}

void set_failpoint_hook(std::function<void(const char* name)> hook)
{
    settings().hook = std::move(hook);
}

} // namespace zocalo::toolstack
