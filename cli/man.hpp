// SPDX-License-Identifier: Apache-2.0
// The man pages zl(1) and zl.cfg(5), printed as roff from the registry and the key table, so that
// they cannot say anything else than the program does. Run by the build.
#pragma once

#include <iosfwd>

namespace zocalo::cli {

void print_man_zl(std::ostream& out);
void print_man_cfg(std::ostream& out);

} // namespace zocalo::cli
