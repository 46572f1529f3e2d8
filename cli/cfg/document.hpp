// SPDX-License-Identifier: Apache-2.0
// Document: an xl.cfg file as its grammar sees it, before any key has a meaning: settings in the
// order of the file, each a text or a (nested) list, with the place where it stands. `parse` makes
// one from text; domain_file.hpp gives it meaning. It knows no key and reads no file.
#pragma once

#include "common/error/error.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace zocalo::cli::cfg {

// Limits of hostile files: bytes, depth of lists, and settings plus list items together.
inline constexpr std::size_t kMaxFile = 1U << 20;
inline constexpr std::size_t kMaxNesting = 8;
inline constexpr std::size_t kMaxValues = 4096;

struct Position {
    std::uint32_t line{1}, column{1};
};

struct Value {
    std::string text;        // of a string or a number, escapes resolved
    std::vector<Value> list; // of a list
    bool is_list{false};
    Position at;
};

struct Setting {
    std::string key;
    Value value;
    Position at;
    std::string source; // for messages: the file's name
};

struct Document {
    std::vector<Setting> settings;

    // The value in force: the last assignment, with every += after it joined on. Null if not set.
    const Setting* find(std::string_view key) const;
};

// "source:line:column: what", as compilers say it.
Error at(std::string_view source, Position position, std::string what, std::string next = {});

// Parses the file syntax of xl.cfg(5), as if it followed what `before` was made from. Code::usage
// with file, line and column for anything else.
Outcome<Document> parse(std::string_view text, std::string source, Document before = {});

} // namespace zocalo::cli::cfg
