// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/device_text.hpp"
#include "cli/commands/on_domain.hpp"

#include <sstream>

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'d', "disable", "", "Do not start it any more"},
    {0, "order", "NUMBER", "Lower numbers start first; default 100"},
    {0, "delay", "SECONDS", "Wait after it was started"},
    {0, "depends", "NAMES", "Domains that must run before, separated by commas"},
};

std::vector<std::string> split(const std::string& text)
{
    std::vector<std::string> names;
    std::istringstream in{text};
    for (std::string name; std::getline(in, name, ',');)
        if (!name.empty())
            names.push_back(name);
    return names;
}

Outcome<rpc::AutostartConfig> autostart_from(const Args& args, rpc::AutostartConfig config)
{
    constexpr std::uint64_t kLimit = 1U << 20;
    config.enabled = !args.has("disable");
    config.order = static_cast<std::uint32_t>(TRY(args.number("order", config.order, kLimit)));
    config.delay_s = static_cast<std::uint32_t>(TRY(args.number("delay", config.delay_s, kLimit)));
    if (const auto depends = args.value("depends"))
        config.depends = split(*depends);
    return config;
}

Outcome<Unit> run(const Args& args, Session& session)
{
    const auto detail = TRY(session.api.domain(args.positional.at(0)));
    const auto before = detail.config ? detail.config->autostart : rpc::AutostartConfig{};
    const auto wanted = TRY(autostart_from(args, before));
    return post_domain(args, session, "/autostart", autostart_body(wanted));
}

} // namespace

extern const Command autostart_command = on_domain(
    {.name = "autostart",
     .arguments = "DOMAIN",
     .summary = "Start a managed domain when the host starts.",
     .details = "What is not given stays as it was.",
     .section = Section::managed,
     .options = kOptions,
     .run = run}
);

} // namespace zocalo::cli
