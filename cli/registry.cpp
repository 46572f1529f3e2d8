// SPDX-License-Identifier: Apache-2.0
#include "cli/registry.hpp"

#include "cli/cfg/nearest.hpp"

#include <algorithm>
#include <array>

namespace zocalo::cli {

// In the order of help; each is defined in commands/<name>.cpp.
#define ZOCALO_COMMANDS(X)                                                                         \
    X(create)                                                                                      \
    X(destroy)                                                                                     \
    X(shutdown)                                                                                    \
    X(reboot)                                                                                      \
    X(pause)                                                                                       \
    X(unpause)                                                                                     \
    X(rename)                                                                                      \
    X(define)                                                                                      \
    X(start)                                                                                       \
    X(apply)                                                                                       \
    X(edit)                                                                                        \
    X(config)                                                                                      \
    X(autostart)                                                                                   \
    X(adopt)                                                                                       \
    X(undefine)                                                                                    \
    X(list)                                                                                        \
    X(vm_list)                                                                                     \
    X(domid)                                                                                       \
    X(domname)                                                                                     \
    X(wait)                                                                                        \
    X(uptime)                                                                                      \
    X(top)                                                                                         \
    X(info)                                                                                        \
    X(dmesg)                                                                                       \
    X(console)                                                                                     \
    X(logs)                                                                                        \
    X(vcpu_list)                                                                                   \
    X(vcpu_set)                                                                                    \
    X(vcpu_pin)                                                                                    \
    X(mem_set)                                                                                     \
    X(mem_max)                                                                                     \
    X(sched_credit2)                                                                               \
    X(block_attach)                                                                                \
    X(block_list)                                                                                  \
    X(block_detach)                                                                                \
    X(block_limit)                                                                                 \
    X(block_measure)                                                                               \
    X(cd_insert)                                                                                   \
    X(cd_eject)                                                                                    \
    X(network_attach)                                                                              \
    X(network_list)                                                                                \
    X(network_detach)                                                                              \
    X(channel_list)                                                                                \
    X(events)                                                                                      \
    X(ops)                                                                                         \
    X(doctor)                                                                                      \
    X(help)

#define ZOCALO_DECLARE(name) extern const Command name##_command;
ZOCALO_COMMANDS(ZOCALO_DECLARE)
#undef ZOCALO_DECLARE

namespace {

#define ZOCALO_ADDRESS(name) &name##_command,
constexpr auto kCommands = std::to_array<const Command*>({ZOCALO_COMMANDS(ZOCALO_ADDRESS)});
#undef ZOCALO_ADDRESS

} // namespace

std::span<const Command* const> commands()
{
    return kCommands;
}

Outcome<const Command*> find_command(std::string_view word)
{
    std::vector<const Command*> matches;
    std::vector<std::string_view> names;
    for (const Command* command : kCommands) {
        if (command->name == word)
            return command;
        names.push_back(command->name);
        if (!word.empty() && command->name.starts_with(word))
            matches.push_back(command);
    }
    if (matches.size() == 1)
        return matches.front();
    std::string what = "unknown command \"" + std::string{word} + "\"";
    std::string next = "see `zl help`";
    if (matches.size() > 1) {
        what = "\"" + std::string{word} + "\" is the beginning of several commands";
        next = "one of:";
        for (const Command* command : matches)
            next += " " + std::string{command->name};
    } else if (const auto near = cfg::nearest(word, names); !near.empty()) {
        next = "did you mean " + std::string{near} + "?";
    }
    return Error{Code::usage, std::move(what), std::move(next)};
}

std::vector<Option> all_options(const Command& command)
{
    std::vector<Option> options(command.options.begin(), command.options.end());
    auto add = [&](std::span<const Option> shared) {
        for (Option option : shared) {
            const auto same_name = [&](const Option& o) { return o.name == option.name; };
            const auto same_letter = [&](const Option& o) {
                const bool together = o.where == Where::both || option.where == Where::both ||
                                      o.where == option.where;
                return o.letter == option.letter && together;
            };
            if (std::ranges::any_of(options, same_name))
                continue;
            if (std::ranges::any_of(options, same_letter))
                option.letter = 0;
            options.push_back(option);
        }
    };
    static constexpr Option kHelp[] = {{'h', "help", "", "Show this help"}};
    if (command.shows)
        add(output_options());
    if (command.changes)
        add(change_options());
    add(kHelp);
    return options;
}

std::string_view title(Section section)
{
    switch (section) {
    case Section::lifecycle:
        return "Lifecycle";
    case Section::managed:
        return "Managed domains";
    case Section::inspect:
        return "Looking";
    case Section::console:
        return "Consoles and logs";
    case Section::tuning:
        return "Memory, vCPUs, scheduling";
    case Section::devices:
        return "Devices";
    case Section::daemon:
        return "Operations and repair";
    case Section::help:
        return "Help";
    }
    return "Other";
}

} // namespace zocalo::cli
