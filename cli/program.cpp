// SPDX-License-Identifier: Apache-2.0
#include "cli/program.hpp"

#include "cli/completion.hpp"
#include "cli/help.hpp"
#include "cli/registry.hpp"

#include <algorithm>
#include <ostream>

#ifndef ZOCALO_VERSION
#define ZOCALO_VERSION "0"
#endif

namespace zocalo::cli {
namespace {

struct Start {
    Args globals;
    std::vector<std::string> rest; // the verb and what follows
};

// The options before the verb end at the first word that is none, as xl's do.
Outcome<Start> split_globals(const std::vector<std::string>& words, Mode mode)
{
    std::size_t i = 1;
    while (i < words.size() && words[i].starts_with('-') && words[i].size() > 1) {
        const bool takes_value = words[i] == "-s" || words[i] == "--socket";
        i += takes_value ? 2 : 1;
    }
    const auto verb = words.begin() + static_cast<std::ptrdiff_t>(std::min(i, words.size()));
    Start start;
    start.globals = TRY(parse_arguments(global_options(), {words.begin() + 1, verb}, mode));
    start.rest.assign(verb, words.end());
    return start;
}

Outcome<Unit> check_count(const Command& command, const Args& args)
{
    const std::size_t count = args.positional.size();
    if (count >= command.least && count <= command.most)
        return Unit{};
    return Error{
        Code::usage,
        std::string{command.name} +
            (count < command.least ? ": too few words" : ": too many words"),
        "usage: " + std::string{command.name} + " " + std::string{command.arguments}};
}

// --json is -o json, so that no command needs to know both.
Outcome<Unit> spell_out_json(Args& args)
{
    if (!args.has("json"))
        return Unit{};
    if (args.value("output").value_or("json") != "json")
        return Error{Code::usage, "--json and -o name two formats", "give one of them"};
    args.given["output"] = {"json"};
    return Unit{};
}

Outcome<Unit> run_command(const std::vector<std::string>& rest, Session& session)
{
    const Command* command = TRY(find_command(rest.front()));
    Args args =
        TRY(parse_arguments(all_options(*command), {rest.begin() + 1, rest.end()}, session.mode));
    TRY(spell_out_json(args));
    if (args.has("help")) {
        print_command_help(session.out, session.program(), *command, session.mode);
        return Unit{};
    }
    if (session.dry_run && !command->dry_runs)
        return Error{Code::unsupported, std::string{command->name} + " knows no dry run (-N)", {}};
    TRY(check_count(*command, args));
    return command->run(args, session);
}

Outcome<Unit> start(const std::vector<std::string>& words, const Surroundings& around, Mode mode)
{
    const Start begin = TRY(split_globals(words, mode));
    if (begin.globals.has("version")) {
        around.out << "zl " ZOCALO_VERSION "\n";
        return Unit{};
    }
    const std::string from_environment = around.socket.empty() ? kDefaultSocket : around.socket;
    Api api{begin.globals.value("socket").value_or(from_environment)};
    Session session{
        .api = api,
        .out = around.out,
        .err = around.err,
        .mode = mode,
        .dry_run = begin.globals.has("dry-run"),
        .verbose = static_cast<unsigned>(begin.globals.count("verbose")),
        .out_is_tty = around.out_is_tty,
        .err_is_tty = around.err_is_tty};
    if (!begin.rest.empty() && begin.rest.front() == "__complete") {
        print_completions(around.out, {begin.rest.begin() + 1, begin.rest.end()}, &api);
        return Unit{};
    }
    const bool help = begin.globals.has("help");
    if (begin.rest.empty() || help) {
        print_overview(help ? around.out : around.err, session.program(), false, mode);
        if (help)
            return Unit{};
        return Error{Code::usage, "no command is given", "see `" + session.program() + " help`"};
    }
    return run_command(begin.rest, session);
}

} // namespace

int run_program(const std::vector<std::string>& words, const Surroundings& around)
{
    const std::string& path = words.front();
    const Mode mode = path.substr(path.rfind('/') + 1) == "xl" ? Mode::xl : Mode::zl;
    const auto result = start(words, around, mode);
    around.out << std::flush;
    if (result)
        return 0;
    around.err << (mode == Mode::xl ? "xl: " : "zl: ") << printable(describe(result.error()))
               << '\n'
               << std::flush;
    return mode == Mode::xl ? 1 : exit_status(result.error().code);
}

} // namespace zocalo::cli
