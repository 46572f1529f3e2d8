// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/rpc/server.hpp"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace zocalo::toolstack {
namespace {

Outcome<Unit> remove_dead_socket(const std::string& path, const sockaddr_un& address)
{
    const UniqueFd probe{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const auto* any = reinterpret_cast<const sockaddr*>(&address);
    if (connect(probe.get(), any, sizeof address) == 0)
        return Error{
            Code::conflict,
            "another toolstackd listens on " + path,
            "stop it first, or set api.socket in /etc/zocalo/toolstackd.toml"};
    if (errno == ECONNREFUSED && unlink(path.c_str()) != 0)
        return system_error("cannot remove the old socket " + path, errno);
    return Unit{};
}

} // namespace

Outcome<UniqueFd>
listen_unix(const std::string& path, unsigned mode, std::optional<std::uint32_t> group)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return Error{Code::usage, "the socket path " + path + " is too long", "107 bytes at most"};
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    TRY(remove_dead_socket(path, address));
    UniqueFd fd{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd)
        return system_error("cannot make a socket", errno);
    // Nobody gets in before mode and group are set.
    const mode_t old = umask(0177);
    const int bound = bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const int failure = errno;
    umask(old);
    if (bound != 0)
        return system_error("cannot bind " + path, failure, "does its folder exist?");
    if (group && chown(path.c_str(), static_cast<uid_t>(-1), *group) != 0)
        return system_error("cannot set the group of " + path, errno);
    if (chmod(path.c_str(), mode) != 0)
        return system_error("cannot set the mode of " + path, errno);
    if (listen(fd.get(), SOMAXCONN) != 0)
        return system_error("cannot listen on " + path, errno);
    return fd;
}

} // namespace zocalo::toolstack
