// SPDX-License-Identifier: Apache-2.0
#include "backends/common/log.hpp"

#include <array>
#include <chrono>
#include <string>
#include <unistd.h>

namespace zocalo::backend {
namespace {

using Clock = std::chrono::steady_clock;

struct Window {
    Clock::time_point start{};
    unsigned lines = 0;
    unsigned dropped = 0;
};

void put(Level level, std::string_view text)
{
    std::array<char, 3> prefix{'<', static_cast<char>('0' + static_cast<int>(level)), '>'};
    std::string line{prefix.data(), prefix.size()};
    for (char c : text.substr(0, 1000))
        line += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    line += '\n';
    // A full or closed stderr must not stop the guest's I/O.
    if (::write(STDERR_FILENO, line.data(), line.size()) < 0)
        return;
}

} // namespace

void log(Level level, std::string_view text)
{
    static Window window;
    const Clock::time_point now = Clock::now();
    if (now - window.start > std::chrono::seconds{kLogSeconds}) {
        if (window.dropped != 0)
            put(Level::warning, std::to_string(window.dropped) + " lines were not logged");
        window = Window{now};
    }
    if (window.lines >= kLogBurst) {
        ++window.dropped;
        return;
    }
    ++window.lines;
    put(level, text);
}

} // namespace zocalo::backend
