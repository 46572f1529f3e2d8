// SPDX-License-Identifier: Apache-2.0
// Foreign: operations on domains another toolstack made, when somebody asks for them by name, and
// on domain 0. Nothing here runs by itself, and nothing is kept about such a domain.
#pragma once

#include "toolstackd/domain/context.hpp"

namespace zocalo::toolstack {

// Carries out operation `id` to its end. After a kill it is run again, on the same domain only.
boost::asio::awaitable<void> run_foreign(Context& ctx, std::uint64_t id);

} // namespace zocalo::toolstack
