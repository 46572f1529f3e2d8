// SPDX-License-Identifier: Apache-2.0
// Uuid: the identity of a domain: the row in our database and the handle in Xen
// (xen_domctl_createdomain.handle, bytes in the order of the canonical text).
#pragma once

#include "common/error/error.hpp"

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace zocalo::rpc {

struct Uuid {
    std::array<std::uint8_t, 16> bytes{};
    friend auto operator<=>(const Uuid&, const Uuid&) = default;
};

// From the kernel's random source, version 4.
Uuid random_uuid();
// "01234567-89ab-cdef-0123-456789abcdef", either case; Code::usage otherwise.
Outcome<Uuid> parse_uuid(std::string_view text);
// Lower-case canonical text.
std::string text(const Uuid& uuid);

} // namespace zocalo::rpc
