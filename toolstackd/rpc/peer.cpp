// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/rpc/peer.hpp"

#include <algorithm>
#include <cerrno>
#include <grp.h>
#include <sys/socket.h>

namespace zocalo::toolstack {
namespace {

std::optional<std::uint32_t> group_id(const char* name)
{
    std::vector<char> buffer(16384);
    group entry{};
    group* found = nullptr;
    if (getgrnam_r(name, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
        return std::nullopt;
    return entry.gr_gid;
}

bool contains(const std::vector<std::uint32_t>& gids, std::optional<std::uint32_t> gid)
{
    return gid && std::find(gids.begin(), gids.end(), *gid) != gids.end();
}

} // namespace

AccessGroups find_groups(const char* admin, const char* read)
{
    return {group_id(admin), group_id(read)};
}

Access access_of(std::uint32_t uid, const std::vector<std::uint32_t>& gids, AccessGroups groups)
{
    if (uid == 0 || contains(gids, groups.admin))
        return Access::admin;
    return contains(gids, groups.read) ? Access::read : Access::none;
}

Outcome<Peer> identify(int socket, AccessGroups groups)
{
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
        return system_error("cannot ask who connected (SO_PEERCRED)", errno);
    std::vector<std::uint32_t> gids(64);
    size = static_cast<socklen_t>(gids.size() * sizeof gids[0]);
    int result = getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, gids.data(), &size);
    if (result != 0 && errno == ERANGE) { // `size` says now how much is needed
        gids.resize(size / sizeof gids[0]);
        result = getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, gids.data(), &size);
    }
    if (result != 0)
        return system_error("cannot ask for a client's groups (SO_PEERGROUPS)", errno);
    gids.resize(size / sizeof gids[0]);
    gids.push_back(credentials.gid);
    return Peer{credentials.uid, credentials.pid, access_of(credentials.uid, gids, groups)};
}

} // namespace zocalo::toolstack
