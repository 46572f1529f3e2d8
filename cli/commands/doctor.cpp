// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/rows.hpp"

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {0, "repair", "", "First repair what is ours and safe to repair"},
};

Outcome<Unit> run(const Args& args, Session& session)
{
    if (args.has("repair"))
        TRY(session.change(args, Change{"POST", "/v1/doctor/repair", {}}));
    const auto findings = TRY(session.api.doctor());
    Listing listing;
    listing.columns = {
        {"severity", "SEVERITY"}, {"check", "CHECK"}, {"text", "FINDING"}, {"next", "WHAT TO DO"}};
    std::size_t errors = 0;
    for (const auto& finding : findings) {
        listing.rows.emplace_back(finding_row(finding));
        errors += finding.severity == "error" ? 1 : 0;
    }
    TRY(session.show(args, listing));
    if (errors > 0)
        return Error{
            Code::failed,
            std::to_string(errors) + " checks found an error",
            args.has("repair") ? "what is left needs a person" : "try `zl doctor --repair`"};
    return Unit{};
}

} // namespace

extern const Command doctor_command{
    .name = "doctor",
    .arguments = "",
    .summary = "Look for leaks, unknown states and missing tools.",
    .details = "Ends with status 1 when there is an error.",
    .section = Section::daemon,
    .options = kOptions,
    .least = 0,
    .most = 0,
    .shows = true,
    .changes = true,
    .run = run};

} // namespace zocalo::cli
