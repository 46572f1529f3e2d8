// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/json.hpp"

#include <boost/json/parse.hpp>

namespace zocalo::rpc {

std::string Place::text() const
{
    std::string text = in_ == nullptr ? std::string{} : in_->text();
    if (index_)
        return text + "[" + std::to_string(*index_) + "]";
    if (!text.empty())
        text += ".";
    text += name_;
    return text;
}

Error wrong_type(const Place& place, const char* expected)
{
    const std::string text = place.text();
    return Error{Code::usage, (text.empty() ? "value" : text) + ": expected " + expected, {}};
}

Error unknown_key(const Place& place, std::string_view key)
{
    return Error{Code::usage, Place{place, key}.text() + ": unknown key", "see docs/api.md"};
}

Outcome<json::value> parse(std::string_view text, json::storage_ptr memory)
{
    json::error_code failure;
    json::parse_options options;
    options.max_depth = 16;
    json::value value = json::parse(text, failure, std::move(memory), options);
    if (failure)
        return Error{Code::usage, "the text is not valid JSON: " + failure.message(), {}};
    return value;
}

} // namespace zocalo::rpc
