// SPDX-License-Identifier: Apache-2.0
// Netlink: one rtnetlink socket and the messages that go through it (rtnetlink(7), netlink(7)).
// link.cpp and bridge.cpp build on it; nothing else should have to know the wire format.
// Synchronous: each call waits for the kernel's answer, at most kNetlinkWait; the daemon runs them
// on a pool.
#pragma once

#include "common/error/error.hpp"
#include "common/posix/unique_fd.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <linux/netlink.h>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace zocalo::toolstack {

// The kernel answers from within the send, so this only ends a wait for an answer that got lost.
constexpr std::chrono::seconds kNetlinkWait{2};

// A request under construction: header, fixed part, attributes. What does not fit makes the message
// invalid, which Netlink reports when it is sent.
class NetlinkMessage {
  public:
    template <class Fixed>
    NetlinkMessage(std::uint16_t type, std::uint16_t flags, const Fixed& fixed)
    {
        static_assert(std::is_trivially_copyable_v<Fixed>);
        start(type, flags, std::as_bytes(std::span{&fixed, 1}));
    }

    template <class T> void add(std::uint16_t attribute, const T& value)
    {
        static_assert(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>);
        add_bytes(attribute, std::as_bytes(std::span{&value, 1}));
    }
    void add_string(std::uint16_t attribute, std::string_view text); // with the closing zero
    void add_bytes(std::uint16_t attribute, std::span<const std::byte> value);

    // begin_nest() answers where the nest starts; hand that to end_nest().
    std::size_t begin_nest(std::uint16_t attribute);
    void end_nest(std::size_t start);

  private:
    friend class Netlink;
    void start(std::uint16_t type, std::uint16_t flags, std::span<const std::byte> fixed);
    bool append(std::span<const std::byte> bytes);

    alignas(nlmsghdr) std::array<std::byte, 1024> buffer_{};
    std::size_t size_{};
    bool fits_{true};
};

// The attributes of one level of a reply.
class Attributes {
  public:
    explicit Attributes(std::span<const std::byte> bytes) : bytes_{bytes} {}
    // The value of the first attribute of that type, or nothing.
    std::optional<std::span<const std::byte>> find(std::uint16_t attribute) const;
    std::string_view string(std::uint16_t attribute
    ) const; // without the closing zero; "" if absent
    template <class T> std::optional<T> get(std::uint16_t attribute) const
    {
        const auto value = find(attribute);
        if (!value || value->size() < sizeof(T))
            return std::nullopt;
        T out;
        std::memcpy(&out, value->data(), sizeof out);
        return out;
    }

  private:
    std::span<const std::byte> bytes_;
};

class Netlink {
  public:
    static Outcome<Netlink> open();

    // Sends a change and waits for its acknowledgement. The error is the kernel's errno with its
    // words (extended acknowledgement) if it had any. `what` begins the message.
    Outcome<Unit> change(NetlinkMessage& message, std::string_view what);
    // The same, with the errno itself, for callers to whom some of them are no error.
    Outcome<int>
    try_change(NetlinkMessage& message, std::string_view what, std::string* detail = {});

    // Sends a dump request and calls `each` with the payload of every reply of type `reply_type`.
    using Each = std::function<void(std::span<const std::byte> payload)>;
    Outcome<Unit> dump(
        NetlinkMessage& message, std::uint16_t reply_type, std::string_view what, const Each& each
    );

  private:
    explicit Netlink(UniqueFd socket) : socket_{std::move(socket)} {}
    Outcome<Unit> send(NetlinkMessage& message, std::string_view what);
    Outcome<std::span<const std::byte>> receive(std::string_view what);

    UniqueFd socket_;
    std::uint32_t sequence_{};
    std::vector<std::byte> buffer_ =
        std::vector<std::byte>(32768); // no dump sends larger datagrams
};

} // namespace zocalo::toolstack
