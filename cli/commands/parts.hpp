// SPDX-License-Identifier: Apache-2.0
// list_parts: the shape of the verbs that list what each domain has several of (disks, cards,
// vCPUs, channels): xl's table when called as xl, else a listing with a row for each.
#pragma once

#include "cli/commands/rows.hpp"
#include "cli/format/xl_tables.hpp"

namespace zocalo::cli {

template <class Part> struct Parts {
    std::vector<Part> rpc::DomainDetail::*of;
    boost::json::object (*row)(const rpc::DomainView&, const Part&);
    void (*xl_header)(std::ostream&);
    void (*xl_rows)(std::ostream&, const rpc::DomainDetail&);
    std::vector<Column> columns;
};

template <class Part>
Outcome<Unit> list_parts(const Args& args, Session& session, const Parts<Part>& parts)
{
    const auto details = TRY(details_of(args, session));
    if (session.mode == Mode::xl && !args.has("output")) {
        parts.xl_header(session.out);
        for (const auto& detail : details)
            parts.xl_rows(session.out, detail);
        return Unit{};
    }
    Listing listing;
    listing.columns = parts.columns;
    for (const auto& detail : details)
        for (const auto& part : detail.*parts.of)
            listing.rows.emplace_back(parts.row(detail.domain, part));
    return session.show(args, listing);
}

} // namespace zocalo::cli
