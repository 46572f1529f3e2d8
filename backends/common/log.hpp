// SPDX-License-Identifier: Apache-2.0
// One line on stderr with journald's priority prefix (sd-daemon(3)). A guest decides how often a
// backend has something to complain about, so every line of a burst beyond the limit is dropped and
// counted.
#pragma once

#include <string_view>

namespace zocalo::backend {

enum class Level : int { error = 3, warning = 4, info = 6 };

// At most kLogBurst lines in each kLogSeconds; then one line says how many are missing.
inline constexpr unsigned kLogBurst = 50;
inline constexpr unsigned kLogSeconds = 10;

void log(Level level, std::string_view text);

} // namespace zocalo::backend
