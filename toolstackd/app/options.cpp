// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/app/options.hpp"

#include <string_view>
#include <utility>

namespace zocalo::toolstack {

const char* const kUsage = "usage: toolstackd [--config=FILE]\n"
                           "  --check-config   read the configuration, say what is wrong, end\n"
                           "  --accept-database  go on with the database that is there, end\n"
                           "  --print-openapi  print the API's OpenAPI document, end\n"
                           "  --version        print the version, end\n"
                           "See toolstackd(8).\n";

Outcome<Options> parse_options(std::span<char* const> arguments)
{
    using Action = Options::Action;
    constexpr std::pair<std::string_view, Action> kActions[] = {
        {"--version", Action::version},
        {"--help", Action::help},
        {"--check-config", Action::check_config},
        {"--print-openapi", Action::print_openapi},
        {"--accept-database", Action::accept_database}};
    constexpr std::string_view kConfig = "--config=";
    Options options;
    for (const std::string_view argument : arguments) {
        bool known = argument.starts_with(kConfig) && argument.size() > kConfig.size();
        if (known)
            options.config = argument.substr(kConfig.size());
        for (const auto& [word, action] : kActions)
            if (argument == word) {
                options.action = action;
                known = true;
            }
        if (!known)
            return Error{
                Code::usage,
                "toolstackd does not know '" + std::string(argument) + "'",
                "toolstackd --help"};
    }
    return options;
}

} // namespace zocalo::toolstack
