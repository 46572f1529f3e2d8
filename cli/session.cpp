// SPDX-License-Identifier: Apache-2.0
#include "cli/session.hpp"

#include <algorithm>
#include <array>
#include <ostream>

namespace zocalo::cli {
namespace {

constexpr std::array<Option, 4> kOutputOptions{{
    {'o', "output", "FORMAT", "table (default), json, jsonl, yaml or csv; csv,noheader"},
    {0, "json", "", "Short for -o json"},
    {'c', "columns", "NAMES", "Show these columns only, separated by commas", Where::zl_only},
    {0, "no-header", "", "Leave out the line of titles"},
}};

constexpr std::array<Option, 3> kChangeOptions{{
    {0, "wait", "", "Wait until the operation has ended"},
    {0, "no-wait", "", "Return as soon as the daemon has accepted the operation; prints its id"},
    {0, "timeout", "SECONDS", "How long to wait; default 120"},
}};

std::vector<std::string> split(const std::string& text)
{
    std::vector<std::string> parts;
    std::size_t start = 0;
    while (start <= text.size()) {
        const std::size_t comma = std::min(text.find(',', start), text.size());
        parts.push_back(text.substr(start, comma - start));
        start = comma + 1;
    }
    return parts;
}

} // namespace

std::span<const Option> output_options()
{
    return kOutputOptions;
}

std::span<const Option> change_options()
{
    return kChangeOptions;
}

void Session::warn(const std::string& text) const
{
    err << program() << ": warning: " << text << '\n';
}

Outcome<Unit> Session::show(const Args& args, const Listing& listing) const
{
    OutputChoice choice;
    if (const auto format = args.value("output"))
        choice = TRY(parse_output(*format));
    if (const auto columns = args.value("columns"))
        choice.columns = split(*columns);
    if (args.has("no-header"))
        choice.header = false;
    return print(out, listing, choice);
}

Outcome<rpc::OpView> Session::change(const Args& args, const Change& request, bool wait) const
{
    Waiting waiting;
    waiting.wait = (wait || args.has("wait")) && !args.has("no-wait");
    constexpr std::uint64_t kLongest = 86400;
    waiting.limit = std::chrono::seconds{TRY(args.number("timeout", 120, kLongest))};
    std::string shown;
    if (err_is_tty)
        waiting.progress = [&](const rpc::OpView& op) {
            if (op.step == shown)
                return;
            shown = op.step;
            err << "\r\033[K" << op.verb << ' ' << op.name << ": " << printable(shown)
                << std::flush;
        };
    auto op = api.change(request, waiting);
    if (!shown.empty())
        err << "\r\033[K" << std::flush;
    if (op && verbose > 0)
        err << program() << ": operation " << op->id << " (" << op->verb << ")\n";
    if (op && !waiting.wait && args.has("no-wait"))
        out << op->id << '\n';
    return op;
}

} // namespace zocalo::cli
