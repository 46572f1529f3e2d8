// SPDX-License-Identifier: Apache-2.0
// A text opened in the person's editor.
#pragma once

#include "common/error/error.hpp"

#include <string>

namespace zocalo::cli {

// $VISUAL, $EDITOR or vi on a private temporary file. What was saved; an error when the editor ends
// with another status than 0.
Outcome<std::string> edit_text(const std::string& text);

} // namespace zocalo::cli
