// SPDX-License-Identifier: Apache-2.0
// xs_wire: xenstore's messages (xen/io/xs_wire.h) as bytes in and messages out. XsReader cuts a
// byte stream, arriving in pieces of any size, into messages; the functions below build headers and
// take payloads apart. Used by toolstackd's client and its tests' servers. Pure: no socket, no
// allocation; it knows no path's meaning.
#pragma once

#include "common/base/result.hpp"

#include <xen/io/xs_wire.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace zocalo::xen {

inline constexpr std::size_t kXsHeaderBytes = sizeof(xsd_sockmsg);
inline constexpr std::size_t kXsPayloadMax = XENSTORE_PAYLOAD_MAX;

// The payload is valid until the reader's next feed().
struct XsMessage {
    xsd_sockmsg header{};
    std::string_view payload;
};

class XsReader {
  public:
    // Takes bytes up to the end of the current message and says how many. After it, message() may
    // be there; feed the rest then. Takes nothing once broken().
    std::size_t feed(std::string_view bytes);
    // True once per message: fills `out`.
    bool message(XsMessage& out);
    // A length beyond 4096 was announced: the stream cannot be followed any more.
    bool broken() const { return broken_; }
    // Whether a message was begun and not finished.
    bool partial() const { return filled_ > 0 && !complete(); }

  private:
    bool complete() const;
    xsd_sockmsg header() const;

    std::array<char, kXsHeaderBytes + kXsPayloadMax> buffer_{};
    std::size_t filled_ = 0;
    bool handed_out_ = false;
    bool broken_ = false;
};

using XsHeaderBytes = std::array<char, kXsHeaderBytes>;
// Little-endian as the host writes it; `length` must not exceed kXsPayloadMax.
XsHeaderBytes
xs_header(std::uint32_t type, std::uint32_t request, std::uint32_t transaction, std::size_t length);

// Cuts the next NUL-terminated string off `rest`. False at the end; an unterminated last piece
// counts as a string (XS_READ's values and old servers' lists end so).
bool next_string(std::string_view& rest, std::string_view& out);

// XS_WATCH_EVENT's payload: path, then token, both NUL-terminated. Errno::inval otherwise.
struct XsWatchEvent {
    std::string_view path, token;
};
Result<XsWatchEvent> watch_event(std::string_view payload);

// Decimal digits only and within 32 bits (transaction ids, permissions' domids).
Result<std::uint32_t> xs_number(std::string_view text);

} // namespace zocalo::xen
