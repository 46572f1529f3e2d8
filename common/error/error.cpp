// SPDX-License-Identifier: Apache-2.0
#include "common/error/error.hpp"

#include <array>
#include <system_error>

namespace zocalo {
namespace {

struct CodeRow {
    Code code;
    std::string_view name;
    int exit;
    unsigned http;
};

constexpr std::array kCodes{
    CodeRow{Code::failed, "failed", 1, 500},
    CodeRow{Code::usage, "usage", 2, 400},
    CodeRow{Code::not_found, "not_found", 3, 404},
    CodeRow{Code::conflict, "conflict", 4, 409},
    CodeRow{Code::denied, "denied", 5, 403},
    CodeRow{Code::timeout, "timeout", 6, 504},
    CodeRow{Code::unreachable, "unreachable", 7, 503},
    CodeRow{Code::unsupported, "unsupported", 8, 501},
};

const CodeRow& row(Code code)
{
    for (const CodeRow& r : kCodes)
        if (r.code == code)
            return r;
    return kCodes.front();
}

} // namespace

Error system_error(std::string_view what, int errno_value, std::string_view next)
{
    std::string text{what};
    text += ": ";
    text += std::generic_category().message(errno_value);
    return Error{Code::failed, std::move(text), std::string{next}};
}

std::string describe(const Error& error)
{
    return error.next.empty() ? error.what : error.what + " (" + error.next + ")";
}

std::string_view name(Code code)
{
    return row(code).name;
}

Code code_from_name(std::string_view name)
{
    for (const CodeRow& r : kCodes)
        if (r.name == name)
            return r.code;
    return Code::failed;
}

int exit_status(Code code)
{
    return row(code).exit;
}
unsigned http_status(Code code)
{
    return row(code).http;
}

} // namespace zocalo
