// SPDX-License-Identifier: Apache-2.0
// One datagram and the descriptors that travel with it, over a non-blocking SOCK_SEQPACKET socket.
// Used by both ends of the backend control protocol; knows no message.
#pragma once

#include "common/backend-ctl/codec.hpp"
#include "common/posix/unique_fd.hpp"

#include <optional>

namespace zocalo::backend {

struct Datagram {
    Bytes bytes;
    std::vector<UniqueFd> fds;
};

enum class Sent { yes, would_block };

// The descriptors are duplicated into the message; the caller's stay open. Code::unreachable when
// the other end is gone.
Outcome<Sent> send_datagram(int socket, std::span<const std::byte> bytes, std::span<const int> fds);

// Without a value when nothing has arrived. Code::unreachable at the end of the connection; an
// error also for a datagram longer than kMaxMessageBytes or with more than kMaxFds descriptors.
// Received descriptors are close-on-exec.
Outcome<std::optional<Datagram>> receive_datagram(int socket);

} // namespace zocalo::backend
