// SPDX-License-Identifier: Apache-2.0
// Refs: which domain a person means by a name, a domid, a uuid or the unique beginning of one.
// Ours are found in the book; others' names are xenstore's.
#pragma once

#include "toolstackd/domain/context.hpp"

namespace zocalo::toolstack {

struct Target {
    rpc::Uuid uuid;
    std::string name;
    const Record* record{};           // nullptr: foreign
    std::optional<LiveDomain> live{}; // of a foreign one
};

Answer<Target> find_target(Context& ctx, const std::string& ref);

// Whether Xen's row belongs to one of our records, as its recorded instance.
bool is_ours(const Context& ctx, const LiveDomain& live);

} // namespace zocalo::toolstack
