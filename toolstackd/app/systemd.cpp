// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/app/systemd.hpp"

#include <systemd/sd-daemon.h>

#include <cstdint>
#include <fcntl.h>
#include <sys/socket.h>

namespace zocalo::toolstack::systemd {

std::optional<UniqueFd> activated_socket()
{
    if (sd_listen_fds(1) < 1)
        return std::nullopt;
    UniqueFd socket{SD_LISTEN_FDS_START};
    if (sd_is_socket_unix(socket.get(), SOCK_STREAM, 1, nullptr, 0) <= 0)
        return std::nullopt;
    fcntl(socket.get(), F_SETFD, FD_CLOEXEC);
    fcntl(socket.get(), F_SETFL, fcntl(socket.get(), F_GETFL) | O_NONBLOCK);
    return socket;
}

void ready(const std::string& status)
{
    sd_notify(0, ("READY=1\nSTATUS=" + status).c_str());
}

void stopping(const std::string& status)
{
    sd_notify(0, ("STOPPING=1\nSTATUS=" + status).c_str());
}

void alive()
{
    sd_notify(0, "WATCHDOG=1");
}

std::optional<std::chrono::microseconds> watchdog_interval()
{
    std::uint64_t usec = 0;
    if (sd_watchdog_enabled(0, &usec) <= 0)
        return std::nullopt;
    return std::chrono::microseconds{usec};
}

} // namespace zocalo::toolstack::systemd
