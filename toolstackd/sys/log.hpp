// SPDX-License-Identifier: Apache-2.0
// Log: lines for the journal, one per event, with the level as sd-daemon(3) spells it ("<6>text").
// Used by the whole daemon. It knows no format but text; control characters are replaced, so that a
// guest's or a client's words cannot forge a second line.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace zocalo::toolstack {

// Numbers of syslog(3).
enum class LogLevel : int { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

// Lines less important than this are dropped; info by default. Call once, before threads start.
void set_log_level(LogLevel level);
// Where lines go instead of standard error; an empty function restores that.
void set_log_sink(std::function<void(LogLevel, std::string_view)> sink);

// Any thread. A line is written whole or not at all, cut at 2000 bytes.
void log(LogLevel level, std::string_view text);

inline void log_error(std::string_view text)
{
    log(LogLevel::error, text);
}
inline void log_warning(std::string_view text)
{
    log(LogLevel::warning, text);
}
inline void log_notice(std::string_view text)
{
    log(LogLevel::notice, text);
}
inline void log_info(std::string_view text)
{
    log(LogLevel::info, text);
}
inline void log_debug(std::string_view text)
{
    log(LogLevel::debug, text);
}

} // namespace zocalo::toolstack
