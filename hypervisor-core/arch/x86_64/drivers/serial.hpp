// SPDX-License-Identifier: Apache-2.0
// COM1, polled output. The first thing that works and the last that must.
#pragma once

#include <string_view>

namespace zocalo::hv::serial {

void start();
void write(std::string_view text); // newlines become CR LF

} // namespace zocalo::hv::serial
