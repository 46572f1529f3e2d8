// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/failpoint.hpp"

#ifdef ZOCALO_FAILPOINTS

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <unistd.h>
#include <utility>

namespace zocalo::toolstack {
namespace {

struct Settings {
    unsigned long kill_at{};
    int log{-1};
    unsigned long passed{};
    std::function<void(const char*)> hook;
};

Settings& settings()
{
    static Settings instance = [] {
        Settings s;
        if (const char* k = std::getenv("ZOCALO_FAILPOINT_KILL"))
            s.kill_at = std::strtoul(k, nullptr, 10);
        if (const char* file = std::getenv("ZOCALO_FAILPOINT_LOG"))
            s.log = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        return s;
    }();
    return instance;
}

} // namespace

void failpoint(const char* name)
{
    Settings& s = settings();
    if (s.hook)
        return s.hook(name);
    ++s.passed;
    if (s.log >= 0) {
        const std::string line = std::string(name) + "\n";
        [[maybe_unused]] const auto written = write(s.log, line.data(), line.size());
    }
    if (s.kill_at != 0 && s.passed == s.kill_at)
        std::raise(SIGKILL);
}

void set_failpoint_hook(std::function<void(const char* name)> hook)
{
    settings().hook = std::move(hook);
}

} // namespace zocalo::toolstack

#endif
