// SPDX-License-Identifier: Apache-2.0
// Peer: who is at the other end of a connection, as the kernel says (unix(7), SO_PEERCRED and
// SO_PEERGROUPS: the groups the process had when it connected), and what that allows.
#pragma once

#include "common/error/error.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace zocalo::toolstack {

enum class Access { none, read, admin };

struct Peer {
    std::uint32_t uid{};
    std::int32_t pid{};
    Access access{Access::none};
};

// The two groups of docs/api.md, as numbers; one that does not exist on this host gives nobody
// anything.
struct AccessGroups {
    std::optional<std::uint32_t> admin, read;
};

// Looks the groups up by name (getgrnam_r: may ask the network, so only at start).
AccessGroups find_groups(const char* admin, const char* read);

// The rule: root and members of `admin` may do everything, members of `read` may look.
Access access_of(std::uint32_t uid, const std::vector<std::uint32_t>& gids, AccessGroups groups);

// Asks the kernel about a connected Unix socket.
Outcome<Peer> identify(int socket, AccessGroups groups);

} // namespace zocalo::toolstack
