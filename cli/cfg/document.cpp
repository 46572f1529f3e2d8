// SPDX-License-Identifier: Apache-2.0
#include "cli/cfg/document.hpp"

#include "cli/cfg/lexer.hpp"

#include <algorithm>
#include <ranges>

namespace zocalo::cli::cfg {
namespace {

class Parser {
  public:
    Parser(std::string_view text, std::string source, Document before)
        : document_{std::move(before)}, source_{std::move(source)}, lexer_{text, source_}
    {
    }

    Outcome<Document> run();

  private:
    Outcome<Unit> advance();
    Outcome<Unit> statement();
    Outcome<Unit> store(Setting setting, bool append);
    Outcome<Unit> skip_newlines();
    Outcome<Value> value(std::size_t depth);
    Outcome<Value> list(std::size_t depth);
    Error here(std::string what, std::string next = {}) const
    {
        return at(source_, now_.at, std::move(what), std::move(next));
    }

    Document document_;
    std::string source_;
    Lexer lexer_;
    Lexeme now_;
    std::size_t values_{0};
};

std::string_view spelling(Token token)
{
    switch (token) {
    case Token::ident:
        return "a word";
    case Token::text:
        return "a string";
    case Token::number:
        return "a number";
    case Token::open:
        return "'['";
    case Token::close:
        return "']'";
    case Token::comma:
        return "','";
    case Token::assign:
        return "'='";
    case Token::append:
        return "'+='";
    case Token::semicolon:
        return "';'";
    case Token::newline:
        return "the end of the line";
    case Token::end:
        return "the end of the file";
    }
    return "a token";
}

bool is_python_word(std::string_view word)
{
    constexpr std::string_view kWords[] = {
        "def", "import", "from", "if", "for", "while", "print", "return", "range", "str", "lambda"};
    return std::ranges::find(kWords, word) != std::end(kWords);
}

std::string found(const Lexeme& lexeme)
{
    if (lexeme.token == Token::ident)
        return "\"" + lexeme.text + "\"";
    return std::string{spelling(lexeme.token)};
}

Outcome<Unit> Parser::advance()
{
    now_ = TRY(lexer_.next());
    return Unit{};
}

Outcome<Unit> Parser::skip_newlines()
{
    while (now_.token == Token::newline)
        TRY(advance());
    return Unit{};
}

Outcome<Value> Parser::list(std::size_t depth)
{
    Value result{{}, {}, true, now_.at};
    if (depth >= kMaxNesting)
        return here("lists nested deeper than " + std::to_string(kMaxNesting));
    TRY(advance());
    TRY(skip_newlines());
    while (now_.token != Token::close) {
        result.list.push_back(TRY(value(depth + 1)));
        TRY(skip_newlines());
        if (now_.token == Token::close)
            break;
        if (now_.token != Token::comma)
            return here("expected ',' or ']', found " + found(now_));
        TRY(advance());
        TRY(skip_newlines());
    }
    TRY(advance());
    return result;
}

Outcome<Value> Parser::value(std::size_t depth)
{
    if (++values_ > kMaxValues)
        return here("more than " + std::to_string(kMaxValues) + " values in one file");
    if (now_.token == Token::open)
        return list(depth);
    if (now_.token == Token::text || now_.token == Token::number) {
        Value result{std::move(now_.text), {}, false, now_.at};
        TRY(advance());
        return result;
    }
    std::string next;
    if (now_.token == Token::ident)
        next = "words are written in quotes: \"" + now_.text + "\"";
    return here("expected a string, a number or a list, found " + found(now_), std::move(next));
}

Outcome<Unit> Parser::store(Setting setting, bool append)
{
    const Setting* before = append ? document_.find(setting.key) : nullptr;
    if (before != nullptr) {
        Value joined = before->value;
        if (joined.is_list != setting.value.is_list)
            return at(
                source_,
                setting.at,
                setting.key + " +=: cannot join a list and a string",
                "use the same kind as in line " + std::to_string(before->at.line)
            );
        joined.text += setting.value.text;
        joined.list.insert(joined.list.end(), setting.value.list.begin(), setting.value.list.end());
        // += doubles what it repeats, so what is kept is bounded, not only what is written.
        values_ += joined.list.size();
        if (values_ > kMaxValues || joined.text.size() > kMaxFile)
            return at(source_, setting.at, setting.key + " +=: the value grows too long");
        setting.value = std::move(joined);
    }
    std::erase_if(document_.settings, [&](const Setting& s) { return s.key == setting.key; });
    document_.settings.push_back(std::move(setting));
    return Unit{};
}

Outcome<Unit> Parser::statement()
{
    if (now_.token != Token::ident)
        return here("expected a key, found " + found(now_));
    Setting setting{now_.text, {}, now_.at, source_};
    TRY(advance());
    const bool append = now_.token == Token::append;
    if (!append && now_.token != Token::assign) {
        std::string next = "write " + setting.key + " = value";
        if (is_python_word(setting.key))
            next = "the syntax is that of xl.cfg(5); Python statements are not supported";
        return here("expected '=' after \"" + setting.key + "\", found " + found(now_), next);
    }
    TRY(advance());
    setting.value = TRY(value(0));
    if (now_.token != Token::newline && now_.token != Token::semicolon && now_.token != Token::end)
        return here(
            "expected the end of the line after the value of " + setting.key + ", found " +
            found(now_)
        );
    return store(std::move(setting), append);
}

Outcome<Document> Parser::run()
{
    TRY(advance());
    while (now_.token != Token::end) {
        if (now_.token == Token::newline || now_.token == Token::semicolon)
            TRY(advance());
        else
            TRY(statement());
    }
    return std::move(document_);
}

} // namespace

const Setting* Document::find(std::string_view key) const
{
    const auto found = std::ranges::find(settings, key, &Setting::key);
    return found == settings.end() ? nullptr : &*found;
}

Error at(std::string_view source, Position position, std::string what, std::string next)
{
    std::string text{source};
    text += ":" + std::to_string(position.line) + ":" + std::to_string(position.column) + ": ";
    return Error{Code::usage, text + what, std::move(next)};
}

Outcome<Document> parse(std::string_view text, std::string source, Document before)
{
    if (text.size() > kMaxFile)
        return Error{
            Code::usage, source + ": larger than 1 MiB", "this is no domain configuration"};
    return Parser{text, std::move(source), std::move(before)}.run();
}

} // namespace zocalo::cli::cfg
