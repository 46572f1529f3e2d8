// SPDX-License-Identifier: Apache-2.0
#include "cli/arguments.hpp"

// Values are taken whole: disk specifications are full of commas.
#define CXXOPTS_VECTOR_DELIMITER '\0'
#define CXXOPTS_NO_REGEX
#include <cxxopts.hpp>

#include <charconv>

namespace zocalo::cli {
namespace {

Error bad(std::string what)
{
    return Error{Code::usage, std::move(what), "see --help"};
}

std::string spelling(const Option& option)
{
    std::string names{option.name};
    return option.letter == 0 ? names : std::string{option.letter} + "," + names;
}

// "--verb" for "--verbose" when nothing else begins so.
Outcome<std::string> completed(const std::string& word, std::span<const Option> options, Mode mode)
{
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
    std::vector<std::string_view> matches;
    for (const Option& option : options) {
        if (!in_mode(option, mode))
            continue;
        if (option.name == name)
            return word;
        if (option.name.starts_with(name))
            matches.push_back(option.name);
    }
    if (matches.empty())
        return bad("unknown option --" + name);
    if (matches.size() > 1)
        return bad(
            "--" + name + " may be --" + std::string{matches[0]} + " or --" +
            std::string{matches[1]}
        );
    return "--" + std::string{matches[0]} +
           (equals == std::string::npos ? "" : word.substr(equals));
}

cxxopts::Options declared(std::span<const Option> options, Mode mode)
{
    cxxopts::Options parser{"zl"};
    auto add = parser.add_options();
    for (const Option& option : options) {
        if (!in_mode(option, mode))
            continue;
        if (option.value.empty())
            add(spelling(option), "", cxxopts::value<bool>());
        else
            add(spelling(option), "", cxxopts::value<std::vector<std::string>>());
    }
    return parser;
}

Args collected(const cxxopts::ParseResult& result, std::span<const Option> options, Mode mode)
{
    Args args;
    args.positional = result.unmatched();
    for (const Option& option : options) {
        if (!in_mode(option, mode))
            continue;
        const std::string name{option.name};
        const std::size_t count = result.count(name);
        if (count == 0)
            continue;
        auto& values = args.given[name];
        if (option.value.empty())
            values.assign(count, "");
        else
            values = result[name].as<std::vector<std::string>>();
    }
    return args;
}

} // namespace

bool in_mode(const Option& option, Mode mode)
{
    return option.where == Where::both || (option.where == Where::xl_only) == (mode == Mode::xl);
}

std::size_t Args::count(std::string_view option) const
{
    const auto found = given.find(option);
    return found == given.end() ? 0 : found->second.size();
}

std::optional<std::string> Args::value(std::string_view option) const
{
    const auto found = given.find(option);
    if (found == given.end())
        return std::nullopt;
    return found->second.back();
}

Outcome<std::uint64_t>
Args::number(std::string_view option, std::uint64_t otherwise, std::uint64_t limit) const
{
    const auto text = value(option);
    if (!text)
        return otherwise;
    return parse_number("--" + std::string{option}, *text, limit);
}

Outcome<Args>
parse_arguments(std::span<const Option> options, const std::vector<std::string>& words, Mode mode)
{
    std::vector<std::string> full{"zl"};
    bool only_words = false;
    for (const std::string& word : words) {
        only_words |= word == "--";
        const bool long_option = !only_words && word.starts_with("--") && word.size() > 2;
        full.push_back(long_option ? TRY(completed(word, options, mode)) : word);
    }
    std::vector<const char*> pointers;
    for (const std::string& word : full)
        pointers.push_back(word.c_str());
    try {
        cxxopts::Options parser = declared(options, mode);
        const auto result = parser.parse(static_cast<int>(pointers.size()), pointers.data());
        return collected(result, options, mode);
    } catch (const std::exception& e) {
        return bad(e.what());
    }
}

Outcome<std::uint64_t>
parse_number(std::string_view what, std::string_view text, std::uint64_t limit)
{
    std::uint64_t n{};
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (failure != std::errc{} || end != text.data() + text.size() || n > limit)
        return bad(
            std::string{what} + ": \"" + std::string{text} + "\" is not a number of 0 … " +
            std::to_string(limit)
        );
    return n;
}

Outcome<std::uint64_t> parse_mebibytes(std::string_view text)
{
    constexpr std::uint64_t kLimitKib = 1ULL << 34; // 16 TiB
    const Error wrong{
        Code::usage,
        "\"" + std::string{text} + "\" is not a memory size",
        "write MiB, or a number with b, k, m, g or t behind it"};
    std::uint64_t n{};
    const char* const last = text.data() + text.size();
    const auto [end, failure] = std::from_chars(text.data(), last, n);
    if (failure != std::errc{} || last - end > 1 || n > (1ULL << 44))
        return wrong;
    const char unit = end == last ? 'm' : static_cast<char>(*end | 0x20);
    std::uint64_t kib = n;
    switch (unit) {
    case 'b':
        kib = n >> 10U;
        break;
    case 'k':
        break;
    case 'm':
        kib = n << 10U;
        break;
    case 'g':
        kib = n > kLimitKib ? n : n << 20U;
        break;
    case 't':
        kib = n > kLimitKib ? n : n << 30U;
        break;
    default:
        return wrong;
    }
    if (kib > kLimitKib)
        return wrong;
    return kib >> 10U;
}

} // namespace zocalo::cli
