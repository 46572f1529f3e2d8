// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.hpp"

#include "cli/registry.hpp"

#include <ostream>

namespace zocalo::cli {
namespace {

void offer(std::ostream& out, std::string_view candidate, std::string_view typed)
{
    if (candidate.starts_with(typed))
        out << candidate << '\n';
}

void offer_verbs(std::ostream& out, std::string_view typed)
{
    for (const Command* command : commands())
        offer(out, command->name, typed);
}

void offer_domains(std::ostream& out, std::string_view typed, Api* api)
{
    if (api == nullptr)
        return;
    const auto domains = api->domains(); // without a daemon there is nothing to offer
    if (!domains)
        return;
    for (const auto& domain : *domains)
        if (printable(domain.name) == domain.name)
            offer(out, domain.name, typed);
}

void offer_formats(std::ostream& out, std::string_view typed)
{
    for (const char* format : {"table", "json", "jsonl", "yaml", "csv"})
        offer(out, format, typed);
}

// The option that `word` is, if it wants a value.
bool wants_value(
    const std::vector<Option>& options, const std::string& word, std::string_view& name
)
{
    for (const Option& option : options) {
        const bool letter = option.letter != 0 && word == std::string{"-"} + option.letter;
        if (in_mode(option, Mode::zl) && !option.value.empty() &&
            (letter || word == "--" + std::string{option.name})) {
            name = option.name;
            return true;
        }
    }
    return false;
}

} // namespace

void print_completions(std::ostream& out, const std::vector<std::string>& words, Api* api)
{
    const std::string typed = words.empty() ? "" : words.back();
    if (words.size() <= 1)
        return offer_verbs(out, typed);
    const auto command = find_command(words.front());
    if (!command)
        return;
    const auto options = all_options(**command);
    std::string_view option;
    if (wants_value(options, words[words.size() - 2], option)) {
        if (option == "output")
            offer_formats(out, typed);
        else if (option == "domain")
            offer_domains(out, typed, api);
        else if (option == "defconfig")
            out << "#files\n";
        return;
    }
    if (typed.starts_with('-')) {
        for (const Option& o : options)
            if (in_mode(o, Mode::zl))
                offer(out, "--" + std::string{o.name}, typed);
        return;
    }
    const Completion kind = (*command)->completion;
    const bool list_of_domains = (*command)->most > 1 && (*command)->least == 0;
    if (kind == Completion::verb)
        offer_verbs(out, typed);
    else if (kind == Completion::file)
        out << "#files\n";
    else if (kind == Completion::domain && (words.size() == 2 || list_of_domains))
        offer_domains(out, typed, api);
    else if (kind == Completion::domain)
        out << "#files\n";
}

} // namespace zocalo::cli
