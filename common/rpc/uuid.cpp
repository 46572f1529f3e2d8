// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/uuid.hpp"

#include <cstdlib>
#include <sys/random.h>

namespace zocalo::rpc {
namespace {

constexpr std::size_t kTextLength = 36;

constexpr bool is_dash_place(std::size_t i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

} // namespace

Uuid random_uuid()
{
    Uuid uuid;
    if (getrandom(uuid.bytes.data(), uuid.bytes.size(), 0) !=
        static_cast<ssize_t>(uuid.bytes.size()))
        std::abort(); // the kernel promises 16 bytes at once; a predictable identity is no fallback
    uuid.bytes[6] = static_cast<std::uint8_t>((uuid.bytes[6] & 0x0f) | 0x40);
    uuid.bytes[8] = static_cast<std::uint8_t>((uuid.bytes[8] & 0x3f) | 0x80);
    return uuid;
}

Outcome<Uuid> parse_uuid(std::string_view text)
{
    const Error bad{Code::usage, "\"" + std::string(text.substr(0, 64)) + "\" is not a uuid", {}};
    if (text.size() != kTextLength)
        return bad;
    Uuid uuid;
    std::size_t digits = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (is_dash_place(i)) {
            if (text[i] != '-')
                return bad;
            continue;
        }
        const int value = hex_value(text[i]);
        if (value < 0)
            return bad;
        auto& byte = uuid.bytes[digits / 2];
        byte = static_cast<std::uint8_t>(byte << 4 | value);
        ++digits;
    }
    return uuid;
}

std::string text(const Uuid& uuid)
{
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string out;
    out.reserve(kTextLength);
    for (const std::uint8_t byte : uuid.bytes) {
        if (is_dash_place(out.size()))
            out += '-';
        out += kHex[byte >> 4];
        out += kHex[byte & 0xf];
    }
    return out;
}

} // namespace zocalo::rpc
