// SPDX-License-Identifier: Apache-2.0
#include "cli/format/listing.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <iomanip>
#include <ostream>
#include <set>
#include <sstream>

namespace zocalo::cli {
namespace {

namespace json = boost::json;

std::string_view view(const json::string& text)
{
    return {text.data(), text.size()};
}

std::string number_text(const json::value& value)
{
    if (!value.is_double())
        return json::serialize(value);
    std::ostringstream text;
    text << std::fixed << std::setprecision(1) << value.get_double();
    return text.str();
}

// Characters, not bytes: continuation bytes of UTF-8 take no room.
std::size_t width(std::string_view text)
{
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) {
        return (c & 0xc0) != 0x80;
    }));
}

std::string csv_cell(const std::string& text)
{
    if (text.find_first_of(",\"\n\r") == std::string::npos)
        return text;
    std::string quoted = "\"";
    for (const char c : text)
        quoted += c == '"' ? std::string{"\"\""} : std::string{c};
    return quoted + "\"";
}

Outcome<std::vector<Column>> chosen(const Listing& listing, const OutputChoice& choice)
{
    if (choice.columns.empty())
        return listing.columns;
    std::set<std::string> known;
    for (const Column& column : listing.columns)
        known.insert(column.key);
    for (const json::value& row : listing.rows)
        for (const auto& member : row.get_object())
            known.insert(std::string{member.key()});
    std::vector<Column> columns;
    for (const std::string& key : choice.columns) {
        const auto own = std::ranges::find(listing.columns, key, &Column::key);
        if (own != listing.columns.end()) {
            columns.push_back(*own);
        } else if (known.contains(key)) {
            columns.push_back({key, key});
        } else {
            std::string names;
            for (const std::string& name : known)
                names += (names.empty() ? "" : " ") + name;
            return Error{Code::usage, "there is no column " + key, "there are: " + names};
        }
    }
    return columns;
}

const json::value& member(const json::value& row, const std::string& key)
{
    static const json::value kNull;
    const json::value* found = row.get_object().if_contains(key);
    return found == nullptr ? kNull : *found;
}

using Cells = std::vector<std::vector<std::string>>;

Cells cells_of(const Listing& listing, const std::vector<Column>& columns)
{
    Cells cells;
    for (const json::value& row : listing.rows) {
        auto& line = cells.emplace_back();
        for (const Column& column : columns)
            line.push_back(cell_text(member(row, column.key)));
    }
    return cells;
}

void print_table(
    std::ostream& out, const std::vector<Column>& columns, const Cells& cells, bool header
)
{
    Cells lines;
    if (header) {
        auto& titles = lines.emplace_back();
        for (const Column& column : columns)
            titles.push_back(column.title);
    }
    for (const auto& row : cells) {
        auto& line = lines.emplace_back();
        for (const std::string& cell : row)
            line.push_back(printable(cell.empty() ? "-" : cell));
    }
    std::vector<std::size_t> widths(columns.size());
    for (const auto& line : lines)
        for (std::size_t i = 0; i < columns.size(); ++i)
            widths[i] = std::max(widths[i], width(line[i]));
    for (const auto& line : lines) {
        std::string text;
        for (std::size_t i = 0; i < columns.size(); ++i) {
            const std::string pad(widths[i] - width(line[i]), ' ');
            text += (i == 0 ? "" : "  ") + (columns[i].right ? pad + line[i] : line[i] + pad);
        }
        text.erase(text.find_last_not_of(' ') + 1);
        out << text << '\n';
    }
}

void print_csv(
    std::ostream& out, const std::vector<Column>& columns, const Cells& cells, bool header
)
{
    auto line = [&](auto range, auto text) {
        bool first = true;
        for (const auto& item : range) {
            out << (first ? "" : ",") << csv_cell(text(item));
            first = false;
        }
        out << '\n';
    };
    if (header)
        line(columns, [](const Column& column) { return column.key; });
    for (const auto& row : cells)
        line(row, [](const std::string& cell) { return cell; });
}

json::array reduced(const json::array& rows, const std::vector<std::string>& keys)
{
    if (keys.empty())
        return rows;
    json::array result;
    for (const json::value& row : rows) {
        json::object object;
        for (const std::string& key : keys)
            object[key] = member(row, key);
        result.push_back(std::move(object));
    }
    return result;
}

} // namespace

std::string printable(std::string_view text)
{
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte != 0x7f)
            out += c;
        else
            out += {'\\', 'x', kHex[byte >> 4U], kHex[byte & 15U]};
    }
    return out;
}

std::string cell_text(const json::value& value)
{
    switch (value.kind()) {
    case json::kind::null:
        return {};
    case json::kind::string:
        return std::string{view(value.get_string())};
    case json::kind::bool_:
        return value.get_bool() ? "yes" : "no";
    case json::kind::array: {
        std::string text;
        for (const json::value& item : value.get_array())
            text += (text.empty() ? "" : " ") + cell_text(item);
        return text;
    }
    case json::kind::object:
        return json::serialize(value);
    default:
        return number_text(value);
    }
}

Outcome<OutputChoice> parse_output(std::string_view text)
{
    constexpr std::array<std::string_view, 5> kNames{"table", "json", "jsonl", "yaml", "csv"};
    OutputChoice choice;
    const std::string_view name = text.substr(0, text.find(','));
    const std::string_view rest = text.substr(std::min(name.size(), text.size()));
    const auto found = std::ranges::find(kNames, name);
    if (found == kNames.end() || (!rest.empty() && rest != ",noheader"))
        return Error{
            Code::usage,
            "unknown output format \"" + std::string{text} + "\"",
            "use table, json, jsonl, yaml or csv; csv,noheader leaves out the first line"};
    choice.format = static_cast<Format>(found - kNames.begin());
    choice.header = rest.empty();
    return choice;
}

Outcome<Unit> print(std::ostream& out, const Listing& listing, const OutputChoice& choice)
{
    const auto columns = TRY(chosen(listing, choice));
    if (choice.format == Format::table) {
        print_table(out, columns, cells_of(listing, columns), choice.header);
        return Unit{};
    }
    if (choice.format == Format::csv) {
        print_csv(out, columns, cells_of(listing, columns), choice.header);
        return Unit{};
    }
    const json::array rows = reduced(listing.rows, choice.columns);
    if (choice.format == Format::jsonl) {
        for (const json::value& row : rows)
            out << json::serialize(row) << '\n';
        return Unit{};
    }
    const json::value whole = listing.single && rows.size() == 1 ? rows.front() : json::value(rows);
    if (choice.format == Format::json)
        print_json(out, whole);
    else
        print_yaml(out, whole);
    return Unit{};
}

} // namespace zocalo::cli
