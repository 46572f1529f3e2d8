// SPDX-License-Identifier: Apache-2.0
// Observe: what Xen says about one of our domains, now. The only input of `next_step` that is not
// in the record.
#pragma once

#include "toolstackd/domain/context.hpp"

namespace zocalo::toolstack {

struct Observation {
    bool known{};                     // false: Xen did not answer; nothing may be concluded
    std::string trouble;              // why not
    std::optional<LiveDomain> domain; // with the recorded domid and our handle
    std::vector<LiveDomain> strays;   // ours but never recorded: our handle, never unpaused
    std::optional<LiveDomain> twin;   // our handle, but it has run: another toolstack's
};

// One hypercall for an instance whose domid is known; a whole list where a domain that was made but
// never recorded may exist.
boost::asio::awaitable<Observation> observe(Context& ctx, const Record& record);

} // namespace zocalo::toolstack
