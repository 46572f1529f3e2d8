// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/log.hpp"

#include <algorithm>
#include <atomic>
#include <unistd.h>
#include <utility>

namespace zocalo::toolstack {
namespace {

constexpr std::size_t kLongestLine = 2000;

std::atomic<int> threshold{static_cast<int>(LogLevel::info)};

std::function<void(LogLevel, std::string_view)>& sink()
{
    static std::function<void(LogLevel, std::string_view)> instance;
    return instance;
}

} // namespace

void set_log_level(LogLevel level)
{
    threshold = static_cast<int>(level);
}

void set_log_sink(std::function<void(LogLevel, std::string_view)> new_sink)
{
    sink() = std::move(new_sink);
}

void log(LogLevel level, std::string_view text)
{
    if (static_cast<int>(level) > threshold)
        return;
    std::string line(text.substr(0, kLongestLine));
    std::replace_if(
        line.begin(),
        line.end(),
        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; },
        ' '
    );
    if (sink())
        return sink()(level, line);
    line = "<" + std::to_string(static_cast<int>(level)) + ">" + line + "\n";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

} // namespace zocalo::toolstack
