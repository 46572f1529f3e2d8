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
#include <string_view>
#include <type_traits>
#include <vector>

namespace zocalo::rpc {

namespace json = boost::json;

// Where in a text a value stands. Most values are right, so it is put into words only for an error;
// a place must not outlive the one it lies in.
class Place {
  public:
    // NOLINTNEXTLINE(google-explicit-constructor): "config" is a place.
    Place(const char* root) : name_{root} {}
    Place(const Place& in, std::string_view member) : in_{&in}, name_{member} {}
    Place(const Place& in, std::size_t index) : in_{&in}, index_{index} {}

    std::string text() const; // "config.disks[1].vdev"

  private:
    const Place* in_{};
    std::string_view name_;
    std::optional<std::size_t> index_;
};

Error wrong_type(const Place& place, const char* expected);
Error unknown_key(const Place& place, std::string_view key);

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
        return json::string{value};
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
        object.reserve(boost::mp11::mp_size<MembersOf<T>>::value);
        boost::mp11::mp_for_each<MembersOf<T>>([&](auto member) {
            object[member.name] = to_json(value.*member.pointer);
        });
        return object;
    }
}

template <class T> Outcome<T> from_json(const json::value& value, const Place& place);

template <class T> Outcome<T> integer_from_json(const json::value& value, const Place& place)
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
        place, std::is_signed_v<T> ? "an integer in range" : "a non-negative integer in range"
    );
}

template <class T> Outcome<T> struct_from_json(const json::value& value, const Place& place)
{
    if (!value.is_object())
        return wrong_type(place, "an object");
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
        auto read = from_json<Member>(*item, Place{place, member.name});
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
                return unknown_key(place, entry.key());
        }
    return result;
}

template <class T> Outcome<T> list_from_json(const json::value& value, const Place& place)
{
    if (!value.is_array())
        return wrong_type(place, "an array");
    T result;
    for (const json::value& item : value.get_array()) {
        auto read = from_json<typename T::value_type>(item, Place{place, result.size()});
        if (!read)
            return read.error();
        result.push_back(std::move(read).value());
    }
    return result;
}

template <class T> Outcome<T> map_from_json(const json::value& value, const Place& place)
{
    if (!value.is_object())
        return wrong_type(place, "an object");
    T result;
    for (const auto& entry : value.get_object()) {
        auto read = from_json<typename T::mapped_type>(entry.value(), Place{place, entry.key()});
        if (!read)
            return read.error();
        result.emplace(std::string(entry.key()), std::move(read).value());
    }
    return result;
}

// Reads a T; `place` is where it stands, for error messages ("config").
template <class T> Outcome<T> from_json(const json::value& value, const Place& place)
{
    if constexpr (std::is_enum_v<T>) {
        T result{};
        if (value.is_string() &&
            boost::describe::enum_from_string(value.get_string().c_str(), result))
            return result;
        return wrong_type(place, "one of the documented words");
    } else if constexpr (std::is_same_v<T, json::value>) {
        return value;
    } else if constexpr (std::is_same_v<T, json::object>) {
        if (!value.is_object())
            return wrong_type(place, "an object");
        return value.get_object();
    } else if constexpr (std::is_same_v<T, bool>) {
        if (!value.is_bool())
            return wrong_type(place, "true or false");
        return value.get_bool();
    } else if constexpr (std::is_integral_v<T>) {
        return integer_from_json<T>(value, place);
    } else if constexpr (std::is_floating_point_v<T>) {
        if (!value.is_number())
            return wrong_type(place, "a number");
        return value.to_number<T>();
    } else if constexpr (std::is_same_v<T, std::string>) {
        if (!value.is_string())
            return wrong_type(place, "a string");
        return std::string(value.get_string());
    } else if constexpr (IsOptional<T>::value) {
        if (value.is_null())
            return T{};
        auto read = from_json<typename T::value_type>(value, place);
        if (!read)
            return read.error();
        return T{std::move(read).value()};
    } else if constexpr (IsVector<T>::value) {
        return list_from_json<T>(value, place);
    } else if constexpr (IsStringMap<T>::value) {
        return map_from_json<T>(value, place);
    } else {
        return struct_from_json<T>(value, place);
    }
}

// Parses text, nested 16 deep at the most. `memory` is where the value lives and what is copied
// from it.
Outcome<json::value> parse(std::string_view text, json::storage_ptr memory = {});

} // namespace zocalo::rpc
