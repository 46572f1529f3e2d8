// SPDX-License-Identifier: Apache-2.0
#include "common/backend-ctl/channel.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>

namespace zocalo::backend {
namespace {

constexpr std::size_t kControlBytes = CMSG_SPACE(kMaxFds * sizeof(int));

void collect_fds(msghdr& message, std::vector<UniqueFd>& fds)
{
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            fds.emplace_back(fd);
        }
    }
}

Error gone()
{
    return Error{Code::unreachable, "the other end of the control socket is gone", {}};
}

} // namespace

Outcome<Sent> send_datagram(int socket, std::span<const std::byte> bytes, std::span<const int> fds)
{
    alignas(cmsghdr) std::array<std::byte, kControlBytes> control{};
    iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (fds.size() > kMaxFds)
        return Error{Code::usage, "too many descriptors for one message", {}};
    if (!fds.empty()) {
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(c), fds.data(), fds.size_bytes());
    }
    ssize_t sent = -1;
    do
        sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return Sent::yes;
    if (errno == EAGAIN)
        return Sent::would_block;
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
        return gone();
    return system_error("cannot send on a control socket", errno);
}

Outcome<std::optional<Datagram>> receive_datagram(int socket)
{
    alignas(cmsghdr) std::array<std::byte, kControlBytes> control{};
    Datagram datagram;
    datagram.bytes.resize(kMaxMessageBytes + 1);
    iovec part{datagram.bytes.data(), datagram.bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ssize_t got = -1;
    do
        got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return std::optional<Datagram>{};
    if (got < 0 && errno != ECONNRESET)
        return system_error("cannot read a control socket", errno);
    if (got <= 0)
        return gone();
    collect_fds(message, datagram.fds);
    if ((message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0)
        return Error{Code::failed, "a message on a control socket is too long", {}};
    datagram.bytes.resize(static_cast<std::size_t>(got));
    return std::optional{std::move(datagram)};
}

} // namespace zocalo::backend
