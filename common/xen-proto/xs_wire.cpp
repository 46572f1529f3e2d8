// SPDX-License-Identifier: Apache-2.0
#include "common/xen-proto/xs_wire.hpp"

#include <bit>

namespace zocalo::xen {

std::size_t XsReader::feed(std::string_view bytes)
{
    if (handed_out_) {
        handed_out_ = false;
        filled_ = 0;
    }
    std::size_t taken = 0;
    while (taken < bytes.size() && !broken_ && !complete()) {
        const std::size_t target =
            filled_ < kXsHeaderBytes ? kXsHeaderBytes : kXsHeaderBytes + header().len;
        const std::size_t room = target - filled_;
        const std::size_t n = room < bytes.size() - taken ? room : bytes.size() - taken;
        bytes.copy(buffer_.data() + filled_, n, taken);
        filled_ += n;
        taken += n;
        if (filled_ == kXsHeaderBytes && header().len > kXsPayloadMax)
            broken_ = true;
    }
    return taken;
}

bool XsReader::message(XsMessage& out)
{
    if (broken_ || handed_out_ || !complete())
        return false;
    out.header = header();
    out.payload = {buffer_.data() + kXsHeaderBytes, out.header.len};
    handed_out_ = true;
    return true;
}

bool XsReader::complete() const
{
    return filled_ >= kXsHeaderBytes && filled_ == kXsHeaderBytes + header().len;
}

xsd_sockmsg XsReader::header() const
{
    XsHeaderBytes bytes{};
    std::string_view(buffer_.data(), kXsHeaderBytes).copy(bytes.data(), kXsHeaderBytes);
    return std::bit_cast<xsd_sockmsg>(bytes);
}

XsHeaderBytes
xs_header(std::uint32_t type, std::uint32_t request, std::uint32_t transaction, std::size_t length)
{
    return std::bit_cast<XsHeaderBytes>(xsd_sockmsg{
        type, request, transaction, static_cast<std::uint32_t>(length)});
}

bool next_string(std::string_view& rest, std::string_view& out)
{
    if (rest.empty())
        return false;
    const std::size_t end = rest.find('\0');
    out = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    return true;
}

Result<XsWatchEvent> watch_event(std::string_view payload)
{
    XsWatchEvent event;
    if (payload.empty() || payload.back() != '\0')
        return Errno::inval;
    if (!next_string(payload, event.path) || event.path.empty())
        return Errno::inval;
    if (!next_string(payload, event.token))
        return Errno::inval;
    return event;
}

Result<std::uint32_t> xs_number(std::string_view text)
{
    if (text.empty() || text.size() > 10)
        return Errno::inval;
    std::uint64_t value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9')
            return Errno::inval;
        value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    if (value > 0xffffffffULL)
        return Errno::range;
    return static_cast<std::uint32_t>(value);
}

} // namespace zocalo::xen
