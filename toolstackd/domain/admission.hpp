// SPDX-License-Identifier: Apache-2.0
// Admission: whether a change may be accepted, before anything is changed: its arguments, names and
// uuids that are taken, and what the domain can do in its present phase.
#pragma once

#include "toolstackd/domain/context.hpp"

namespace zocalo::toolstack {

// Code::usage when `args` are not the body docs/api.md gives for `verb`.
Outcome<Unit> check_args(const std::string& verb, const boost::json::object& args);

// Code::conflict when another toolstack's domain has the name.
Answer<Unit> check_foreign_names(Context& ctx, const std::string& name);

// Fills `batch` with the new domain's rows; its one operation is in there already and is completed,
// also when nothing has to be started. Context::reserving is held.
Answer<Unit> admit_create(Context& ctx, Batch& batch, const boost::json::object& args);
Answer<Unit> admit_adopt(
    Context& ctx,
    Batch& batch,
    const boost::json::object& args,
    const LiveDomain& live,
    const std::string& name
);

Outcome<Unit> admit_foreign(const std::string& verb, const LiveDomain& live);
Outcome<Unit> admit_change(
    const Context& ctx,
    const Record& record,
    const std::string& verb,
    const boost::json::object& args
);

} // namespace zocalo::toolstack
