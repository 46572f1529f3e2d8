// SPDX-License-Identifier: Apache-2.0
// Datagrams of the backend control socket (SOCK_SEQPACKET, one message each): little-endian, a
// 12-byte header (magic, version, type, sequence) and the type's fields in the order of
// messages.hpp; strings and lists carry a 16-bit length. Pure functions, fuzzed: any byte string
// decodes to a message within all bounds of messages.hpp or to an error, and a decoded message
// encodes to the same bytes.
#pragma once

#include "common/backend-ctl/messages.hpp"
#include "common/error/error.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace zocalo::backend {

using Bytes = std::vector<std::byte>;

// A request and the sequence number its answer must carry; chosen by the client, never 0.
struct RequestFrame {
    std::uint32_t sequence{};
    Request request;
    friend bool operator==(const RequestFrame&, const RequestFrame&) = default;
};

// What a backend sends: an answer with its request's sequence, or an event with sequence 0.
struct BackendFrame {
    std::uint32_t sequence{};
    std::variant<Answer, Event> body;
    friend bool operator==(const BackendFrame&, const BackendFrame&) = default;
};

// Messages beyond the bounds of messages.hpp are our own mistake and give Code::usage.
Outcome<Bytes> encode(const RequestFrame& frame);
Outcome<Bytes> encode(const BackendFrame& frame);

Outcome<RequestFrame> decode_request(std::span<const std::byte> datagram);
Outcome<BackendFrame> decode_backend(std::span<const std::byte> datagram);

} // namespace zocalo::backend
