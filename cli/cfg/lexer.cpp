// SPDX-License-Identifier: Apache-2.0
#include "cli/cfg/lexer.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace zocalo::cli::cfg {
namespace {

constexpr std::string_view kIdentRest = "abcdefghijklmnopqrstuvwxyz0123456789._";
constexpr std::string_view kNumberRest = "0123456789abcdefx";
constexpr std::string_view kPythonSigns = "+-.():*%{}<>";

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

std::optional<Token> punctuation(char c)
{
    switch (c) {
    case '[':
        return Token::open;
    case ']':
        return Token::close;
    case ',':
        return Token::comma;
    case '=':
        return Token::assign;
    case ';':
        return Token::semicolon;
    case '\n':
        return Token::newline;
    default:
        return std::nullopt;
    }
}

std::optional<char> simple_escape(char c)
{
    constexpr std::string_view kFrom = "\"'\\abfnrtv";
    constexpr std::string_view kTo = "\"'\\\a\b\f\n\r\t\v";
    const std::size_t i = kFrom.find(c);
    if (i == std::string_view::npos)
        return std::nullopt;
    return kTo[i];
}

std::string printable(char c)
{
    if (c >= 0x20 && c < 0x7f)
        return std::string{"'"} + c + "'";
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    return std::string{"byte 0x"} + kHex[byte >> 4U] + kHex[byte & 15U];
}

} // namespace

Error Lexer::here(std::string what, std::string next) const
{
    return cfg::at(source_, at_, std::move(what), std::move(next));
}

void Lexer::skip(std::size_t count)
{
    for (const char c : rest_.substr(0, count)) {
        if (c == '\n')
            at_ = {at_.line + 1, 1};
        else
            ++at_.column;
    }
    rest_.remove_prefix(count);
}

// Blanks, comments, and the carriage return of files written on other systems.
void Lexer::skip_blanks()
{
    for (;;) {
        if (rest_.starts_with(' ') || rest_.starts_with('\t') || rest_.starts_with("\r\n"))
            skip(1);
        else if (rest_.starts_with('#'))
            skip(std::min(rest_.find('\n'), rest_.size()));
        else
            return;
    }
}

Lexeme Lexer::word(Token token, std::string_view more_characters)
{
    const std::size_t length = std::min(rest_.find_first_not_of(more_characters), rest_.size());
    Lexeme lexeme{token, std::string{rest_.substr(0, length)}, at_};
    skip(length);
    return lexeme;
}

Error Lexer::unexpected() const
{
    const char c = rest_.front();
    std::string next;
    if (kPythonSigns.find(c) != std::string_view::npos)
        next = "the syntax is that of xl.cfg(5): this looks like Python, which only xm understood";
    else if (c >= 'A' && c <= 'Z')
        next = "keys are written in lower case, and words in quotes";
    else if (c == '\'' || c == '"')
        next = "the string is not closed on its line";
    return here("unexpected " + printable(c), std::move(next));
}

Outcome<Lexeme> Lexer::next()
{
    skip_blanks();
    if (rest_.empty())
        return Lexeme{Token::end, {}, at_};
    const char c = rest_.front();
    if (is_lower(c))
        return word(Token::ident, kIdentRest);
    if (is_digit(c))
        return word(Token::number, kNumberRest);
    if (c == '"' || c == '\'')
        return quoted(c);
    const Position start = at_;
    if (rest_.starts_with("+=")) {
        skip(2);
        return Lexeme{Token::append, {}, start};
    }
    if (const auto token = punctuation(c)) {
        skip(1);
        return Lexeme{*token, {}, start};
    }
    return unexpected();
}

Outcome<Lexeme> Lexer::quoted(char quote)
{
    const Position start = at_;
    skip(1);
    std::string text;
    while (!rest_.empty() && rest_.front() != quote) {
        const char c = rest_.front();
        if (c == '\n' || c == '\0')
            break;
        if (c == '\\') {
            skip(1);
            text += TRY(escape());
        } else {
            text += c;
            skip(1);
        }
    }
    if (!rest_.starts_with(quote))
        return cfg::at(source_, start, "this string is not closed on its line", {});
    skip(1);
    return Lexeme{Token::text, std::move(text), start};
}

Outcome<char> Lexer::escape()
{
    if (rest_.empty() || rest_.front() == '\n')
        return here("a backslash cannot end a line");
    const char c = rest_.front();
    if (const auto simple = simple_escape(c)) {
        skip(1);
        return *simple;
    }
    if (c == 'x') {
        skip(1);
        return numeric_escape(16, 2, 2);
    }
    if (c >= '0' && c <= '7')
        return numeric_escape(8, 1, 3);
    return here("unknown escape \\" + std::string{c}, "write \\\\ for a backslash");
}

Outcome<char> Lexer::numeric_escape(int base, std::size_t min_digits, std::size_t max_digits)
{
    const std::string_view digits = rest_.substr(0, max_digits);
    unsigned value{};
    const char* const begin = digits.data();
    const auto [end, failure] = std::from_chars(begin, begin + digits.size(), value, base);
    const auto used = static_cast<std::size_t>(end - begin);
    if (failure != std::errc{} || used < min_digits || value == 0 || value > 0xff)
        return here("not a character code", "use \\x01 to \\xff or \\1 to \\377");
    skip(used);
    return static_cast<char>(value);
}

} // namespace zocalo::cli::cfg
