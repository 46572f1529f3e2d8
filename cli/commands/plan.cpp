// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/plan.hpp"

#include "cli/config_source.hpp"

#include <ostream>

namespace zocalo::cli {

Outcome<Unit> show_plan(const Args& args, const Session& session, const rpc::DomainConfig& config)
{
    auto checked = session.api.check(config);
    if (!checked && checked.error().code != Code::unreachable)
        return checked.error();
    if (!checked)
        session.warn("only the file was checked: " + checked.error().what);
    const rpc::DomainConfig& resolved = checked ? checked->config : config;
    const auto format = TRY(parse_output(args.value("output").value_or("table"))).format;
    if (format != Format::table) {
        Listing listing{{}, {}, true};
        auto row = config_body(resolved);
        if (checked) {
            boost::json::array steps;
            for (const std::string& step : checked->steps)
                steps.emplace_back(step);
            row["steps"] = std::move(steps);
        }
        listing.rows.emplace_back(std::move(row));
        listing.columns = {{"config", "config"}, {"steps", "steps"}};
        return session.show(args, listing);
    }
    session.out << config_text(resolved);
    if (checked)
        for (std::size_t i = 0; i < checked->steps.size(); ++i)
            session.out << "# step " << i + 1 << ": " << printable(checked->steps[i]) << '\n';
    return Unit{};
}

} // namespace zocalo::cli
