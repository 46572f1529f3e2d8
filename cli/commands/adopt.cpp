// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/on_domain.hpp"
#include "cli/config_source.hpp"

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'f', "defconfig", "FILE", "Read FILE; the same as naming it first"},
    {0, "strict", "", "Take warnings about the configuration as errors"},
};

Outcome<Unit> run(const Args& args, Session& session)
{
    boost::json::object body;
    body["config"] = nullptr;
    if (args.positional.size() > 1 || args.has("defconfig"))
        body = config_body(TRY(config_from_words(args, 1, session)));
    return post_domain(args, session, "/adopt", std::move(body));
}

} // namespace

extern const Command adopt_command{
    .name = "adopt",
    .arguments = "DOMAIN [FILE] [KEY=VALUE...]",
    .summary = "Take over a domain that others made.",
    .details = "Without FILE its configuration is made up from what Xen and xenstore say.",
    .section = Section::managed,
    .options = kOptions,
    .least = 1,
    .most = kAnyNumber,
    .completion = Completion::domain,
    .changes = true,
    .run = run};

} // namespace zocalo::cli
