// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/json.hpp"

#include <boost/json/parse.hpp>

namespace zocalo::rpc {

Error wrong_type(const std::string& path, const char* expected)
{
    return Error{Code::usage, (path.empty() ? "value" : path) + ": expected " + expected, {}};
}

Error unknown_key(const std::string& path, const std::string& key)
{
    return Error{
        Code::usage, (path.empty() ? key : path + "." + key) + ": unknown key", "see docs/api.md"};
}

Outcome<json::value> parse(std::string_view text)
{
    json::error_code failure;
    json::parse_options options;
    options.max_depth = 16;
    json::value value =
        json::parse(json::string_view(text.data(), text.size()), failure, {}, options);
    if (failure)
        return Error{Code::usage, "the text is not valid JSON: " + failure.message(), {}};
    return value;
}

} // namespace zocalo::rpc
