// SPDX-License-Identifier: Apache-2.0
// How values travel between rows and columns: enums by name, structures as JSON. Used by the tables
// only. What does not read back was not written by this program: Code::failed.
#pragma once

#include "common/rpc/json.hpp"
#include "common/rpc/uuid.hpp"

#include <boost/describe/enum_from_string.hpp>
#include <boost/describe/enum_to_string.hpp>
#include <boost/json/serialize.hpp>

#include <string>

namespace zocalo::toolstack {

template <class Enum> std::string enum_text(Enum value)
{
    return boost::describe::enum_to_string(value, "");
}

template <class Enum> Outcome<Enum> enum_value(const std::string& text)
{
    Enum value{};
    if (boost::describe::enum_from_string(text.c_str(), value))
        return value;
    return Error{Code::failed, "the database holds the unknown word \"" + text + "\"", {}};
}

template <class T> std::string json_text(const T& value)
{
    return boost::json::serialize(rpc::to_json(value));
}

template <class T> Outcome<T> json_value(const std::string& text, const char* what)
{
    const boost::json::value parsed = TRY(rpc::parse(text));
    return rpc::from_json<T>(parsed, what);
}

inline std::int64_t column(std::uint64_t value)
{
    return static_cast<std::int64_t>(value);
}

} // namespace zocalo::toolstack
