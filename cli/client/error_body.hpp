// SPDX-License-Identifier: Apache-2.0
// The daemon's error body {"error": {"code", "what", "next"}} (docs/api.md) as an Error.
#pragma once

#include "common/error/error.hpp"

#include <string_view>

namespace zocalo::cli {

// Also makes the best of answers that hold no such body.
Error error_from_body(unsigned status, std::string_view body);

} // namespace zocalo::cli
