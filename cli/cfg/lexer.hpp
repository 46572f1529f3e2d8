// SPDX-License-Identifier: Apache-2.0
// The tokens of xl.cfg's file syntax. Only the parser uses this; it knows characters and their
// places, nothing of statements.
#pragma once

#include "cli/cfg/document.hpp"

namespace zocalo::cli::cfg {

enum class Token {
    ident,
    text,
    number,
    open,
    close,
    comma,
    assign,
    append,
    semicolon,
    newline,
    end
};

struct Lexeme {
    Token token{Token::end};
    std::string text; // of ident, text (without quotes, escapes resolved) and number
    Position at;
};

class Lexer {
  public:
    Lexer(std::string_view text, std::string_view source) : rest_{text}, source_{source} {}

    // The next token; Token::end for ever once the text is used up.
    Outcome<Lexeme> next();

  private:
    void skip(std::size_t count);
    void skip_blanks();
    Outcome<Lexeme> quoted(char quote);
    Outcome<char> escape();
    Outcome<char> numeric_escape(int base, std::size_t min_digits, std::size_t max_digits);
    Lexeme word(Token token, std::string_view more_characters);
    Error unexpected() const;
    Error here(std::string what, std::string next = {}) const;

    std::string_view rest_;
    std::string_view source_;
    Position at_;
};

} // namespace zocalo::cli::cfg
