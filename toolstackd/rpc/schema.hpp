// SPDX-License-Identifier: Apache-2.0
// JSON Schema (as OpenAPI 3.1 uses it) and strict checks derived from described structs, so that
// the API's document cannot say anything else than the code. Only routes.cpp needs it.
#pragma once

#include "common/rpc/json.hpp"
#include "toolstackd/rpc/route.hpp"

#include <boost/core/type_name.hpp>

namespace zocalo::toolstack {

template <class T> boost::json::value schema_of(boost::json::object& components);

// "DomainConfig" of zocalo::rpc::DomainConfig.
template <class T> std::string component_name()
{
    const std::string full = boost::core::type_name<T>();
    return full.substr(full.rfind(':') + 1);
}

template <class T> boost::json::value enum_schema()
{
    boost::json::array words;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto word) {
        words.emplace_back(word.name);
    });
    return boost::json::object{{"type", "string"}, {"enum", std::move(words)}};
}

template <class T> boost::json::value struct_schema(boost::json::object& components)
{
    const std::string name = component_name<T>();
    if (!components.contains(name)) {
        components[name] = nullptr; // keeps its place while its members are described
        boost::json::object properties;
        const T defaults{};
        boost::mp11::mp_for_each<rpc::MembersOf<T>>([&](auto member) {
            using Member = std::remove_cvref_t<decltype(defaults.*member.pointer)>;
            boost::json::value schema = schema_of<Member>(components);
            const boost::json::value preset = rpc::to_json(defaults.*member.pointer);
            if (preset != rpc::to_json(Member{}) && schema.is_object())
                schema.as_object()["default"] = preset;
            properties[member.name] = std::move(schema);
        });
        components[name] = {
            {"type", "object"},
            {"properties", std::move(properties)},
            {"additionalProperties", false}};
    }
    return boost::json::object{{"$ref", "#/components/schemas/" + name}};
}

template <class T> boost::json::value schema_of(boost::json::object& components)
{
    using boost::json::object;
    if constexpr (std::is_enum_v<T>) {
        return enum_schema<T>();
    } else if constexpr (std::is_same_v<T, object>) {
        return object{{"type", "object"}};
    } else if constexpr (std::is_same_v<T, bool>) {
        return object{{"type", "boolean"}};
    } else if constexpr (std::is_integral_v<T>) {
        object schema{{"type", "integer"}};
        if (std::is_unsigned_v<T>)
            schema["minimum"] = 0;
        return schema;
    } else if constexpr (std::is_floating_point_v<T>) {
        return object{{"type", "number"}};
    } else if constexpr (std::is_same_v<T, std::string>) {
        return object{{"type", "string"}};
    } else if constexpr (rpc::IsOptional<T>::value) {
        boost::json::array either;
        either.push_back(schema_of<typename T::value_type>(components));
        either.push_back(object{{"type", "null"}});
        return object{{"anyOf", std::move(either)}};
    } else if constexpr (rpc::IsVector<T>::value) {
        return object{{"type", "array"}, {"items", schema_of<typename T::value_type>(components)}};
    } else {
        return struct_schema<T>(components);
    }
}

template <class T> Outcome<Unit> check_body(const boost::json::value& body)
{
    auto read = rpc::from_json<T>(body, "");
    if (!read)
        return read.error();
    return Unit{};
}

template <class T> constexpr Shape shape()
{
    return {&schema_of<T>, &check_body<T>};
}

} // namespace zocalo::toolstack
