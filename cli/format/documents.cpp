// SPDX-License-Identifier: Apache-2.0
// JSON with indentation, and YAML.
#include "cli/format/listing.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <ostream>

namespace zocalo::cli {
namespace {

namespace json = boost::json;

void write_json(std::ostream& out, const json::value& value, std::size_t depth)
{
    const std::string indent(2 * (depth + 1), ' ');
    const std::string outer(2 * depth, ' ');
    if (value.is_object() && !value.get_object().empty()) {
        const char* separator = "{\n";
        for (const auto& member : value.get_object()) {
            out << separator << indent << json::serialize(json::value(member.key())) << ": ";
            write_json(out, member.value(), depth + 1);
            separator = ",\n";
        }
        out << '\n' << outer << '}';
    } else if (value.is_array() && !value.get_array().empty()) {
        const char* separator = "[\n";
        for (const json::value& item : value.get_array()) {
            out << separator << indent;
            write_json(out, item, depth + 1);
            separator = ",\n";
        }
        out << '\n' << outer << ']';
    } else {
        out << json::serialize(value);
    }
}

// Whether YAML 1.1 and 1.2 both read the text, unquoted, as that text.
bool plain(std::string_view text)
{
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    if (text.empty() || !letter(text.front()))
        return false;
    const bool simple = std::ranges::all_of(text, [&](char c) {
        return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '/';
    });
    constexpr std::string_view kReserved[] = {
        "y", "n", "yes", "no", "on", "off", "true", "false", "null"};
    std::string lower{text};
    std::ranges::transform(lower, lower.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    });
    return simple && std::ranges::find(kReserved, lower) == std::end(kReserved);
}

std::string yaml_scalar(const json::value& value)
{
    if (value.is_string()) {
        const std::string_view text{value.get_string().data(), value.get_string().size()};
        if (plain(text))
            return std::string{text};
    }
    return json::serialize(value); // JSON's scalars, [] and {} are YAML's
}

bool nested(const json::value& value)
{
    return (value.is_object() && !value.get_object().empty()) ||
           (value.is_array() && !value.get_array().empty());
}

void write_yaml(std::ostream& out, const json::value& value, std::size_t depth, bool in_item)
{
    const std::string indent(2 * depth, ' ');
    bool first = in_item; // the first line of an item follows its dash
    auto child = [&](const json::value& item, std::size_t deeper, bool dash) {
        if (!nested(item)) {
            out << ' ' << yaml_scalar(item) << '\n';
        } else if (dash) {
            out << ' ';
            write_yaml(out, item, deeper, true);
        } else {
            out << '\n';
            write_yaml(out, item, deeper, false);
        }
    };
    if (value.is_object())
        for (const auto& member : value.get_object()) {
            out << (first ? "" : indent) << yaml_scalar(json::value(member.key())) << ':';
            first = false;
            child(member.value(), depth + 1, false);
        }
    else
        for (const json::value& item : value.get_array()) {
            out << (first ? "" : indent) << '-';
            first = false;
            child(item, depth + 1, true);
        }
}

} // namespace

void print_json(std::ostream& out, const json::value& value)
{
    write_json(out, value, 0);
    out << '\n';
}

void print_yaml(std::ostream& out, const json::value& value)
{
    if (nested(value))
        write_yaml(out, value, 0, false);
    else
        out << yaml_scalar(value) << '\n';
}

} // namespace zocalo::cli
