// SPDX-License-Identifier: Apache-2.0
// "Did you mean …": the known word that is nearest to a misspelt one. Used for keys and verbs.
#pragma once

#include <span>
#include <string_view>

namespace zocalo::cli::cfg {

// Edits (insert, drop, change, swap neighbours) that turn one word into the other.
unsigned edit_distance(std::string_view a, std::string_view b);

// Empty when nothing is near: at most a third of the word may differ.
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

} // namespace zocalo::cli::cfg
