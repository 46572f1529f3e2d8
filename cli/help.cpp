// SPDX-License-Identifier: Apache-2.0
#include "cli/help.hpp"

#include "cli/registry.hpp"

#include <array>
#include <iomanip>
#include <ostream>

namespace zocalo::cli {
namespace {

constexpr std::array<Option, 8> kGlobalOptions{{
    {'v', "verbose", "", "Say more; operation ids"},
    {'N', "dry-run", "", "Do nothing, print what would be done"},
    {'f', "force", "", "Accepted for xl"},
    {'t', "progress-cr", "", "Accepted for xl"},
    {'T', "timestamps", "", "Accepted for xl"},
    {'s',
     "socket",
     "PATH",
     "The daemon's socket; default $ZOCALO_SOCKET or /run/zocalo/toolstackd.sock"},
    {'h', "help", "", "Show help"},
    {'V', "version", "", "Show the version"},
}};

std::string spelled(const Option& option)
{
    std::string text = option.letter == 0 ? "    " : std::string{"-"} + option.letter + ", ";
    text += "--" + std::string{option.name};
    return option.value.empty() ? text : text + " " + std::string{option.value};
}

void print_options(std::ostream& out, std::span<const Option> options, Mode mode)
{
    for (const Option& option : options)
        if (in_mode(option, mode))
            out << "  " << std::left << std::setw(28) << spelled(option) << "  " << option.help
                << '\n';
}

} // namespace

std::span<const Option> global_options()
{
    return kGlobalOptions;
}

void print_overview(std::ostream& out, const std::string& program, bool long_form, Mode mode)
{
    out << "Usage: " << program << " [-vN] [--socket PATH] COMMAND [ARGUMENTS]\n"
        << "A DOMAIN is a name, a domid, a UUID or the beginning of one; a COMMAND may be cut "
           "short "
           "while it is unique.\n";
    auto last = Section::help;
    bool first = true;
    for (const Command* command : commands()) {
        if (first || command->section != last)
            out << '\n' << title(command->section) << ":\n";
        first = false;
        last = command->section;
        if (long_form) {
            out << "\n " << command->name << ' ' << command->arguments << "\n  " << command->summary
                << '\n';
            print_options(out, all_options(*command), mode);
        } else {
            out << "  " << std::left << std::setw(16) << command->name << command->summary << '\n';
        }
    }
    out << "\nOptions before the command:\n";
    print_options(out, kGlobalOptions, mode);
}

void print_command_help(
    std::ostream& out, const std::string& program, const Command& command, Mode mode
)
{
    out << "Usage: " << program << ' ' << command.name << ' ' << command.arguments << "\n\n"
        << command.summary << '\n';
    if (!command.details.empty())
        out << command.details << '\n';
    out << "\nOptions:\n";
    print_options(out, all_options(command), mode);
}

} // namespace zocalo::cli
