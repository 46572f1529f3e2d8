// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/netlink.hpp"

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>
#include <sys/time.h>

namespace zocalo::toolstack {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t align4(std::size_t size)
{
    return (size + 3) & ~std::size_t{3};
}

template <class T> std::optional<T> read(Bytes bytes)
{
    if (bytes.size() < sizeof(T))
        return std::nullopt;
    T out;
    std::memcpy(&out, bytes.data(), sizeof out);
    return out;
}

// The next message of a datagram, which is shortened by it.
struct Message {
    nlmsghdr header{};
    Bytes payload;
};
std::optional<Message> next_message(Bytes& datagram)
{
    const auto header = read<nlmsghdr>(datagram);
    if (!header || header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > datagram.size())
        return std::nullopt;
    const Message message{
        *header, datagram.subspan(sizeof(nlmsghdr), header->nlmsg_len - sizeof(nlmsghdr))};
    datagram = datagram.subspan(std::min(datagram.size(), align4(header->nlmsg_len)));
    return message;
}

// NLMSGERR_ATTR_MSG behind the error header and what it echoes of the request.
std::string_view kernel_words(const Message& message)
{
    if (!(message.header.nlmsg_flags & NLM_F_ACK_TLVS))
        return {};
    const auto error = read<nlmsgerr>(message.payload);
    if (!error)
        return {};
    std::size_t skip = sizeof(nlmsgerr);
    if (!(message.header.nlmsg_flags & NLM_F_CAPPED))
        skip += align4(error->msg.nlmsg_len) - sizeof(nlmsghdr);
    if (skip > message.payload.size())
        return {};
    return Attributes{message.payload.subspan(skip)}.string(NLMSGERR_ATTR_MSG);
}

} // namespace

void NetlinkMessage::start(std::uint16_t type, std::uint16_t flags, Bytes fixed)
{
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    append(std::as_bytes(std::span{&header, 1}));
    append(fixed);
}

bool NetlinkMessage::append(Bytes bytes)
{
    if (!fits_ || buffer_.size() - size_ < align4(bytes.size())) {
        fits_ = false;
        return false;
    }
    std::ranges::copy(bytes, buffer_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += align4(bytes.size());
    return true;
}

void NetlinkMessage::add_string(std::uint16_t attribute, std::string_view text)
{
    std::array<std::byte, 64> zero_ended{};
    if (text.size() >= zero_ended.size()) {
        fits_ = false;
        return;
    }
    std::memcpy(zero_ended.data(), text.data(), text.size());
    add_bytes(attribute, Bytes{zero_ended}.first(text.size() + 1));
}

void NetlinkMessage::add_bytes(std::uint16_t attribute, Bytes value)
{
    const nlattr header{static_cast<std::uint16_t>(sizeof(nlattr) + value.size()), attribute};
    if (append(std::as_bytes(std::span{&header, 1})))
        append(value);
}

std::size_t NetlinkMessage::begin_nest(std::uint16_t attribute)
{
    const std::size_t start = size_;
    add_bytes(attribute | NLA_F_NESTED, {});
    return start;
}

void NetlinkMessage::end_nest(std::size_t start)
{
    if (!fits_)
        return;
    const auto length = static_cast<std::uint16_t>(size_ - start);
    std::memcpy(buffer_.data() + start, &length, sizeof length); // nlattr::nla_len
}

std::optional<Bytes> Attributes::find(std::uint16_t attribute) const
{
    Bytes rest = bytes_;
    while (const auto header = read<nlattr>(rest)) {
        if (header->nla_len < sizeof(nlattr) || header->nla_len > rest.size())
            return std::nullopt;
        if ((header->nla_type & NLA_TYPE_MASK) == attribute)
            return rest.subspan(sizeof(nlattr), header->nla_len - sizeof(nlattr));
        rest = rest.subspan(std::min(rest.size(), align4(header->nla_len)));
    }
    return std::nullopt;
}

std::string_view Attributes::string(std::uint16_t attribute) const
{
    const auto value = find(attribute);
    if (!value)
        return {};
    const auto* text = reinterpret_cast<const char*>(value->data());
    return {text, strnlen(text, value->size())};
}

Outcome<Netlink> Netlink::open()
{
    UniqueFd socket{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
    if (!socket)
        return system_error("cannot open a netlink socket", errno);
    const timeval wait{.tv_sec = kNetlinkWait.count(), .tv_usec = 0};
    const int on = 1;
    if (setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0)
        return system_error("cannot bound the waits of a netlink socket", errno);
    // Both only make errors better; an old kernel without them is good enough.
    setsockopt(socket.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
    setsockopt(socket.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    return Netlink{std::move(socket)};
}

Outcome<Unit> Netlink::send(NetlinkMessage& message, std::string_view what)
{
    if (!message.fits_)
        return Error{Code::failed, std::string{what} + ": the netlink message is too long", {}};
    nlmsghdr header;
    std::memcpy(&header, message.buffer_.data(), sizeof header);
    header.nlmsg_len = static_cast<std::uint32_t>(message.size_);
    header.nlmsg_seq = ++sequence_;
    std::memcpy(message.buffer_.data(), &header, sizeof header);
    if (::send(socket_.get(), message.buffer_.data(), message.size_, 0) < 0)
        return system_error(what, errno);
    return Unit{};
}

Outcome<Bytes> Netlink::receive(std::string_view what)
{
    ssize_t got = 0;
    do
        got = ::recv(socket_.get(), buffer_.data(), buffer_.size(), MSG_TRUNC);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return Error{
            Code::timeout,
            std::string{what} + ": the kernel did not answer within 2 s",
            "look for a stuck network driver in the kernel log"};
    if (got < 0)
        return system_error(what, errno);
    if (static_cast<std::size_t>(got) > buffer_.size())
        return Error{Code::failed, std::string{what} + ": the kernel's answer was cut off", {}};
    return Bytes{buffer_}.first(static_cast<std::size_t>(got));
}

Outcome<int>
Netlink::try_change(NetlinkMessage& message, std::string_view what, std::string* detail)
{
    nlmsghdr header;
    std::memcpy(&header, message.buffer_.data(), sizeof header);
    header.nlmsg_flags |= NLM_F_ACK;
    std::memcpy(message.buffer_.data(), &header, sizeof header);
    TRY(send(message, what));
    for (;;) {
        Bytes datagram = TRY(receive(what));
        while (const auto reply = next_message(datagram)) {
            if (reply->header.nlmsg_seq != sequence_ || reply->header.nlmsg_type != NLMSG_ERROR)
                continue; // an answer that an earlier call stopped waiting for
            const auto error = read<nlmsgerr>(reply->payload);
            if (!error)
                return Error{Code::failed, std::string{what} + ": broken netlink answer", {}};
            if (detail)
                *detail = kernel_words(*reply);
            return -error->error;
        }
    }
}

Outcome<Unit> Netlink::change(NetlinkMessage& message, std::string_view what)
{
    std::string detail;
    const int error = TRY(try_change(message, what, &detail));
    if (error == 0)
        return Unit{};
    return system_error(
        detail.empty() ? std::string{what} : std::string{what} + ": " + detail, error
    );
}

Outcome<Unit> Netlink::dump(
    NetlinkMessage& message, std::uint16_t reply_type, std::string_view what, const Each& each
)
{
    TRY(send(message, what));
    for (;;) {
        Bytes datagram = TRY(receive(what));
        while (const auto reply = next_message(datagram)) {
            if (reply->header.nlmsg_seq != sequence_)
                continue;
            if (reply->header.nlmsg_type == NLMSG_DONE)
                return Unit{};
            if (reply->header.nlmsg_type == NLMSG_ERROR) {
                const auto error = read<nlmsgerr>(reply->payload);
                return system_error(what, error ? -error->error : EPROTO);
            }
            if (reply->header.nlmsg_type == reply_type)
                each(reply->payload);
        }
    }
}

} // namespace zocalo::toolstack
