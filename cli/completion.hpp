// SPDX-License-Identifier: Apache-2.0
// What the shells' completion offers: `zl __complete WORDS...`, printed one a line, from the
// registry and the daemon's list of domains.
#pragma once

#include "cli/session.hpp"

#include <iosfwd>
#include <string>
#include <vector>

namespace zocalo::cli {

// `words` is what was typed after "zl"; the last one, maybe empty, is to be completed. Without
// `api` no domain names are offered. A line "#files" asks the shell for file names.
void print_completions(std::ostream& out, const std::vector<std::string>& words, Api* api);

} // namespace zocalo::cli
