// SPDX-License-Identifier: Apache-2.0
// JSON for described structs (BOOST_DESCRIBE_STRUCT): one generic writer and one strict reader, so
// that no type of the control API carries hand-written conversion code. The reader treats its input
// as hostile: wrong types, unknown keys and numbers out of range are errors that name the place
// ("config.disks[1].vdev: expected a string"); a missing key keeps the member's default.
#pragma once

#include "common/error/error.hpp"

#include <boost/describe.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <boost/mp11.hpp>

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace zocalo::rpc {

namespace json = boost::json;

Error wrong_type(const std::string& path, const char* expected);
Error unknown_key(const std::string& path, const std::string& key);

template <class T> struct IsVector : std::false_type {
};
template <class T> struct IsVector<std::vector<T>> : std::true_type {
};
template <class T> struct IsOptional : std::false_type {
};
template <class T> struct IsOptional<std::optional<T>> : std::true_type {
};
template <class T> struct IsStringMap : std::false_type {
};
template <class T> struct IsStringMap<std::map<std::string, T>> : std::true_type {
};

template <class T>
using MembersOf = boost::describe::describe_members<T, boost::describe::mod_public>;

template <class T> json::value to_json(const T& value)
{
    if constexpr (std::is_enum_v<T>) {
        const char* name = boost::describe::enum_to_string(value, "unknown");
        return json::value(name);
    } else if constexpr (std::is_same_v<T, json::value> || std::is_same_v<T, json::object>) {
        return value;
    } else if constexpr (std::is_same_v<T, bool> || std::is_arithmetic_v<T>) {
        return json::value(value);
    } else if constexpr (std::is_same_v<T, std::string>) {
        return json::value(json::string(value));
    } else if constexpr (IsOptional<T>::value) {
        return value ? to_json(*value) : json::value(nullptr);
    } else if constexpr (IsVector<T>::value) {
        json::array array;
        array.reserve(value.size());
        for (const auto& item : value)
            array.push_back(to_json(item));
        return array;
    } else if constexpr (IsStringMap<T>::value) {
        json::object object;
        for (const auto& [key, item] : value)
            object[key] = to_json(item);
        return object;
    } else {
        json::object object;
        boost::mp11::mp_for_each<MembersOf<T>>([&](auto member) {
            object[member.name] = to_json(value.*member.pointer);
        });
        return object;
    }
}

template <class T> Outcome<T> from_json(const json::value& value, const std::string& path);

template <class T> Outcome<T> integer_from_json(const json::value& value, const std::string& path)
{
    if (value.is_int64()) {
        const std::int64_t n = value.get_int64();
        if (std::in_range<T>(n))
            return static_cast<T>(n);
    } else if (value.is_uint64()) {
        const std::uint64_t n = value.get_uint64();
        if (std::in_range<T>(n))
            return static_cast<T>(n);
    }
    return wrong_type(
        path, std::is_signed_v<T> ? "an integer in range" : "a non-negative integer in range"
    );
}

template <class T> Outcome<T> struct_from_json(const json::value& value, const std::string& path)
{
    if (!value.is_object())
        return wrong_type(path, "an object");
    T result{};
    std::optional<Error> failure;
    std::size_t used = 0;
    boost::mp11::mp_for_each<MembersOf<T>>([&](auto member) {
        if (failure)
            return;
        const json::value* item = value.get_object().if_contains(member.name);
        if (item == nullptr)
            return;
        ++used;
        using Member = std::remove_cvref_t<decltype(result.*member.pointer)>;
        auto read = from_json<Member>(*item, path.empty() ? member.name : path + "." + member.name);
        if (read)
            result.*member.pointer = std::move(read).value();
        else
            failure = read.error();
    });
    if (failure)
        return *failure;
    if (used != value.get_object().size())
        for (const auto& entry : value.get_object()) {
            bool known = false;
            boost::mp11::mp_for_each<MembersOf<T>>([&](auto member) {
                known |= entry.key() == member.name;
            });
            if (!known)
                return unknown_key(path, std::string(entry.key()));
        }
    return result;
}

template <class T> Outcome<T> list_from_json(const json::value& value, const std::string& path)
{
    if (!value.is_array())
        return wrong_type(path, "an array");
    T result;
    for (const json::value& item : value.get_array()) {
        auto read = from_json<typename T::value_type>(
            item, path + "[" + std::to_string(result.size()) + "]"
        );
        if (!read)
            return read.error();
        result.push_back(std::move(read).value());
    }
    return result;
}

template <class T> Outcome<T> map_from_json(const json::value& value, const std::string& path)
{
    if (!value.is_object())
        return wrong_type(path, "an object");
    T result;
    for (const auto& entry : value.get_object()) {
        auto read = from_json<typename T::mapped_type>(
            entry.value(), path + "." + std::string(entry.key())
        );
        if (!read)
            return read.error();
        result.emplace(std::string(entry.key()), std::move(read).value());
    }
    return result;
}

// Reads a T; `path` names the place in error messages ("config").
template <class T> Outcome<T> from_json(const json::value& value, const std::string& path)
{
    if constexpr (std::is_enum_v<T>) {
        T result{};
        if (value.is_string() &&
            boost::describe::enum_from_string(value.get_string().c_str(), result))
            return result;
        return wrong_type(path, "one of the documented words");
    } else if constexpr (std::is_same_v<T, json::value>) {
        return value;
    } else if constexpr (std::is_same_v<T, json::object>) {
        if (!value.is_object())
            return wrong_type(path, "an object");
        return value.get_object();
    } else if constexpr (std::is_same_v<T, bool>) {
        if (!value.is_bool())
            return wrong_type(path, "true or false");
        return value.get_bool();
    } else if constexpr (std::is_integral_v<T>) {
        return integer_from_json<T>(value, path);
    } else if constexpr (std::is_floating_point_v<T>) {
        if (!value.is_number())
            return wrong_type(path, "a number");
        return value.to_number<T>();
    } else if constexpr (std::is_same_v<T, std::string>) {
        if (!value.is_string())
            return wrong_type(path, "a string");
        return std::string(value.get_string());
    } else if constexpr (IsOptional<T>::value) {
        if (value.is_null())
            return T{};
        auto read = from_json<typename T::value_type>(value, path);
        if (!read)
            return read.error();
        return T{std::move(read).value()};
    } else if constexpr (IsVector<T>::value) {
        return list_from_json<T>(value, path);
    } else if constexpr (IsStringMap<T>::value) {
        return map_from_json<T>(value, path);
    } else {
        return struct_from_json<T>(value, path);
    }
}

// Parses text (depth and size bounded) and reads a T from it.
Outcome<json::value> parse(std::string_view text);

} // namespace zocalo::rpc
