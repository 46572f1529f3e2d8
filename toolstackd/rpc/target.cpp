// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/rpc/target.hpp"

#include <charconv>

namespace zocalo::toolstack {
namespace {

Error bad(std::string what)
{
    return Error{Code::usage, "the request target " + std::move(what), "see docs/api.md"};
}

int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

Outcome<std::string> decode(std::string_view text)
{
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned char c = static_cast<unsigned char>(text[i]);
        if (c == '%') {
            const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
            const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
            if (low < 0)
                return bad("has a % without two hexadecimal digits");
            c = static_cast<unsigned char>(high * 16 + low);
            i += 2;
        }
        if (c < 0x20 || c == 0x7f)
            return bad("holds a control character");
        out += static_cast<char>(c);
    }
    return out;
}

// The text up to `separator`; what follows it stays in `rest`.
std::string_view take(std::string_view& rest, char separator)
{
    const auto end = rest.find(separator);
    const std::string_view head = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    return head;
}

Outcome<Unit> parse_path(std::string_view text, Target& target)
{
    if (text.empty() || text.front() != '/')
        return bad("does not begin with /");
    text.remove_prefix(1);
    while (!text.empty()) {
        const bool last = text.find('/') == std::string_view::npos;
        auto segment = TRY(decode(take(text, '/')));
        if (segment.empty() || segment == "." || segment == "..")
            return bad("has an empty or relative path segment");
        if (target.path.size() == kMostSegments)
            return bad("has too many path segments");
        target.path.push_back(std::move(segment));
        if (!last && text.empty())
            return bad("ends with /");
    }
    return Unit{};
}

Outcome<Unit> parse_query(std::string_view text, Target& target)
{
    while (!text.empty()) {
        std::string_view value = take(text, '&');
        auto key = TRY(decode(take(value, '=')));
        auto decoded = TRY(decode(value));
        if (key.empty())
            return bad("has a query parameter without a name");
        if (target.query.size() == kMostParameters)
            return bad("has too many query parameters");
        target.query.emplace_back(std::move(key), std::move(decoded));
    }
    return Unit{};
}

} // namespace

Outcome<Target> parse_target(std::string_view text)
{
    if (text.size() > kLongestTarget)
        return bad("is too long");
    std::string_view query = text;
    const std::string_view path = take(query, '?');
    Target target;
    TRY(parse_path(path, target));
    TRY(parse_query(query, target));
    return target;
}

const std::string* Target::find(std::string_view key) const
{
    for (const auto& [name, value] : query)
        if (name == key)
            return &value;
    return nullptr;
}

Outcome<std::optional<std::uint64_t>> Target::number(std::string_view key, std::uint64_t most) const
{
    const std::string* text = find(key);
    if (text == nullptr)
        return std::optional<std::uint64_t>{};
    std::uint64_t value = 0;
    const char* end = text->data() + text->size();
    const auto [stop, failure] = std::from_chars(text->data(), end, value);
    if (text->empty() || stop != end || failure != std::errc{} || value > most)
        return Error{
            Code::usage,
            std::string(key) + ": expected a number from 0 to " + std::to_string(most),
            {}};
    return std::optional<std::uint64_t>{value};
}

Outcome<bool> Target::flag(std::string_view key) const
{
    const std::string* text = find(key);
    if (text == nullptr || *text == "0" || *text == "false")
        return false;
    if (text->empty() || *text == "1" || *text == "true")
        return true;
    return Error{Code::usage, std::string(key) + ": expected 0 or 1", {}};
}

} // namespace zocalo::toolstack
