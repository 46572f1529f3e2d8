// SPDX-License-Identifier: Apache-2.0
#include "cli/client/stream.hpp"
#include "cli/command.hpp"

#include <ostream>

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'f', "follow", "", "Go on with what comes"},
    {'n', "bytes", "BYTES", "Only the last so many bytes"},
};

// Passes console output on until the console ends.
class LogPrinter : public StreamHandler {
  public:
    explicit LogPrinter(std::ostream& out) : out_{out} {}
    bool frame(std::string_view bytes, bool binary) override
    {
        if (binary)
            out_ << bytes << std::flush;
        return out_.good();
    }
    bool input(std::string_view, std::string&) override { return true; }

  private:
    std::ostream& out_;
};

Outcome<Unit> run(const Args& args, Session& session)
{
    const std::uint64_t bytes = TRY(args.number("bytes", 0, 1ULL << 40));
    const std::string& ref = args.positional.at(0);
    if (!args.has("follow")) {
        session.out << TRY(session.api.console_log(ref, bytes));
        return Unit{};
    }
    const std::string query = args.has("bytes") ? "?replay=" + std::to_string(bytes) : "";
    LogPrinter printer{session.out};
    return run_stream(
        session.api.socket_path(),
        domain_path(ref, "/console" + query),
        -1,
        printer,
        session.api.limit()
    );
}

} // namespace

extern const Command logs_command{
    .name = "logs",
    .arguments = "DOMAIN",
    .summary = "Print the history of a domain's console.",
    .section = Section::console,
    .options = kOptions,
    .least = 1,
    .most = 1,
    .completion = Completion::domain,
    .run = run};

} // namespace zocalo::cli
