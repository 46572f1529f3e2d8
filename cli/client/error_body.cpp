// SPDX-License-Identifier: Apache-2.0
#include "cli/client/error_body.hpp"

#include "common/rpc/json.hpp"

#include <array>

namespace zocalo::cli {
namespace {

constexpr std::array kCodes{
    Code::usage,
    Code::not_found,
    Code::conflict,
    Code::denied,
    Code::timeout,
    Code::unreachable,
    Code::unsupported};

Code code_from_status(unsigned status)
{
    for (const Code code : kCodes)
        if (http_status(code) == status)
            return code;
    return Code::failed;
}

std::string text(const boost::json::object& object, const char* key)
{
    const auto* value = object.if_contains(key);
    return value != nullptr && value->is_string() ? std::string{value->get_string()} : "";
}

} // namespace

Error error_from_body(unsigned status, std::string_view body)
{
    Error error{code_from_status(status), {}, {}};
    const auto parsed = rpc::parse(body);
    const auto* object = parsed && parsed->is_object() ? &parsed->get_object() : nullptr;
    const auto* inner = object != nullptr ? object->if_contains("error") : nullptr;
    if (inner != nullptr && inner->is_object()) {
        const std::string code = text(inner->get_object(), "code");
        if (!code.empty())
            error.code = code_from_name(code);
        error.what = text(inner->get_object(), "what");
        error.next = text(inner->get_object(), "next");
    }
    if (error.what.empty())
        error.what = "the daemon refused with HTTP status " + std::to_string(status);
    return error;
}

} // namespace zocalo::cli
