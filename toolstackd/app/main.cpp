// SPDX-License-Identifier: Apache-2.0
// toolstackd(8).
#include "toolstackd/app/application.hpp"
#include "toolstackd/app/database_guard.hpp"
#include "toolstackd/app/options.hpp"
#include "toolstackd/app/version.hpp"
#include "toolstackd/rpc/openapi.hpp"

#include <cstdio>

namespace {

using namespace zocalo;
using namespace zocalo::toolstack;
using Action = toolstack::Options::Action;

int fail(const Error& error)
{
    log_error(describe(error));
    return exit_status(error.code);
}

int serve_or_check(const toolstack::Options& options)
{
    const auto config = load_config(options.config.empty() ? kConfigPath : options.config);
    if (!config)
        return fail(config.error());
    set_log_level(config->level());
    if (options.action == Action::check_config)
        return 0;
    if (options.action == Action::accept_database) {
        const auto accepted = accept_database(*config);
        return accepted ? 0 : fail(accepted.error());
    }
    const auto served = serve(*config);
    return served ? 0 : fail(served.error());
}

} // namespace

int main(int argc, char** argv)
{
    const auto options =
        toolstack::parse_options({argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)});
    if (!options)
        return fail(options.error());
    switch (options->action) {
    case Action::version:
        std::printf("toolstackd %s\n", kVersion);
        return 0;
    case Action::help:
        std::fputs(kUsage, stdout);
        return 0;
    case Action::print_openapi:
        std::fputs(openapi_text().c_str(), stdout);
        return 0;
    case Action::accept_database:
    case Action::check_config:
    case Action::serve:
        break;
    }
    return serve_or_check(*options);
}
