// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/rpc/reply.hpp"

#include <boost/json/serialize.hpp>

namespace zocalo::toolstack {
namespace {

Reply error_body(
    unsigned status, std::string_view code, std::string_view what, std::string_view next
)
{
    boost::json::object error;
    error["code"] = code;
    error["what"] = what;
    error["next"] = next;
    boost::json::object body;
    body["error"] = std::move(error);
    return json_reply(body, status);
}

} // namespace

Reply json_reply(const boost::json::value& value, unsigned status)
{
    return Reply{status, "application/json", boost::json::serialize(value) + "\n"};
}

Reply error_reply(const Error& error)
{
    return error_body(http_status(error.code), name(error.code), error.what, error.next);
}

Reply error_reply(unsigned status, std::string_view code, std::string_view what)
{
    return error_body(status, code, what, "see docs/api.md");
}

} // namespace zocalo::toolstack
