// SPDX-License-Identifier: Apache-2.0
// What a command shows: rows of named values, and the columns a person sees when nothing else was
// asked for. Printed as table, JSON, JSON lines, YAML or CSV. Knows nothing of domains.
#pragma once

#include "common/error/error.hpp"

#include <boost/json/array.hpp>

#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zocalo::cli {

enum class Format { table, json, jsonl, yaml, csv };

struct Column {
    std::string key; // of the row's object
    std::string title;
    bool right{false}; // numbers are aligned to the right
};

struct Listing {
    std::vector<Column> columns; // of the table, when no others are chosen
    boost::json::array rows;     // of objects; each may hold more keys than there are columns
    bool single{false};          // one thing, not a list: JSON and YAML print it without brackets
};

struct OutputChoice {
    Format format{Format::table};
    std::vector<std::string> columns; // empty: the listing's own (table, csv), all (others)
    bool header{true};
};

// "table", "json", "jsonl", "yaml", "csv", the last and the first also with ",noheader".
Outcome<OutputChoice> parse_output(std::string_view text);

// Code::usage when a chosen column is not there.
Outcome<Unit> print(std::ostream& out, const Listing& listing, const OutputChoice& choice);

void print_json(std::ostream& out, const boost::json::value& value);
void print_yaml(std::ostream& out, const boost::json::value& value);

// One line of text for a table or a CSV cell: lists joined by spaces, null empty.
std::string cell_text(const boost::json::value& value);

// `text` with control characters shown as \xNN: names and paths may come from a guest.
std::string printable(std::string_view text);

} // namespace zocalo::cli
