// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/rpc/openapi.hpp"

#include "toolstackd/rpc/route.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cctype>

namespace zocalo::toolstack {
namespace {

namespace json = boost::json;

json::value in_json(json::value schema)
{
    json::object media;
    media["schema"] = std::move(schema);
    json::object content;
    content["application/json"] = std::move(media);
    return content;
}

json::object described(const char* text)
{
    json::object object;
    object["description"] = text;
    return object;
}

json::object parameter(std::string_view name, const char* where, const char* meaning)
{
    json::object p = described(meaning);
    p["name"] = name;
    p["in"] = where;
    p["required"] = std::string_view(where) == "path";
    p["schema"] = {{"type", "string"}};
    return p;
}

const char* meaning_of(std::string_view name)
{
    if (name == "ref")
        return "A domain's name, domid, uuid or unique uuid prefix.";
    if (name == "id")
        return "An operation's number.";
    return "A device: vdev, devid or MAC address.";
}

json::array parameters(const Route& route)
{
    json::array list;
    std::string_view rest = route.pattern;
    for (auto open = rest.find('{'); open != rest.npos; open = rest.find('{')) {
        const auto close = rest.find('}');
        const auto name = rest.substr(open + 1, close - open - 1);
        list.push_back(parameter(name, "path", meaning_of(name)));
        rest.remove_prefix(close + 1);
    }
    for (const Parameter& p : route.query)
        list.push_back(parameter(p.name, "query", p.meaning));
    if (route.verb != nullptr)
        list.push_back(parameter(
            "Idempotency-Key", "header", "Sent again, it returns the first operation (128 bytes)."
        ));
    return list;
}

json::object responses(const Route& route, json::object& components)
{
    json::object ok = described("The answer.");
    if (route.answers.schema != nullptr)
        ok["content"] = in_json(route.answers.schema(components));
    json::object failed = described("What failed, why, and what to do next.");
    failed["content"] = in_json({{"$ref", "#/components/schemas/Error"}});
    json::object list;
    if (route.stream != Stream::none)
        list["101"] = described("A WebSocket, when asked for one.");
    if (route.verb != nullptr)
        list["202"] = ok;
    if (route.handler != nullptr)
        list["200"] = std::move(ok);
    list["default"] = std::move(failed);
    return list;
}

json::object operation(const Route& route, json::object& components)
{
    json::object o;
    o["summary"] = route.summary;
    o["x-access"] = route.access == Access::admin ? "admin" : "read";
    if (route.verb != nullptr)
        o["x-verb"] = route.verb;
    json::array list = parameters(route);
    if (!list.empty())
        o["parameters"] = std::move(list);
    if (route.takes.schema != nullptr) {
        json::object body;
        body["content"] = in_json(route.takes.schema(components));
        o["requestBody"] = std::move(body);
    }
    o["responses"] = responses(route, components);
    return o;
}

json::value error_schema()
{
    return json::parse(
        R"({"type": "object", "properties": {"error": {"type": "object", "properties":
            {"code": {"type": "string"}, "what": {"type": "string"}, "next": {"type": "string"}}}}})"
    );
}

void indent(std::string& out, unsigned depth)
{
    out += '\n';
    out.append(std::size_t{2} * depth, ' ');
}

// Boost.JSON has no indented writer.
void print(std::string& out, const json::value& value, unsigned depth)
{
    const auto* object = value.if_object();
    const auto* array = value.if_array();
    if ((object == nullptr || object->empty()) && (array == nullptr || array->empty())) {
        out += json::serialize(value);
        return;
    }
    bool first = true;
    const auto next = [&] {
        out += first ? "" : ",";
        first = false;
        indent(out, depth + 1);
    };
    out += object != nullptr ? '{' : '[';
    if (object != nullptr) {
        for (const auto& [key, item] : *object) {
            next();
            out += json::serialize(json::string(key)) + ": ";
            print(out, item, depth + 1);
        }
    } else {
        for (const json::value& item : *array) {
            next();
            print(out, item, depth + 1);
        }
    }
    indent(out, depth);
    out += object != nullptr ? '}' : ']';
}

} // namespace

json::object openapi()
{
    json::object schemas;
    schemas["Error"] = error_schema();
    json::object paths;
    for (const Route& route : routes()) {
        std::string method = name(route.method);
        std::transform(method.begin(), method.end(), method.begin(), [](unsigned char c) {
            return static_cast<char>(std::tolower(c));
        });
        json::value& path = paths[route.pattern];
        if (!path.is_object())
            path = json::object{};
        path.as_object()[method] = operation(route, schemas);
    }
    json::object document;
    document["openapi"] = "3.1.0";
    document["info"] = {
        {"title", "toolstackd"},
        {"version", "1"},
        {"description", "The control API of Zócalo on /run/zocalo/toolstackd.sock."},
        {"license", {{"name", "Apache-2.0"}}}};
    document["paths"] = std::move(paths);
    document["components"] = {{"schemas", std::move(schemas)}};
    return document;
}

const std::string& openapi_text()
{
    static const std::string text = [] {
        std::string out;
        print(out, openapi(), 0);
        return out + "\n";
    }();
    return text;
}

} // namespace zocalo::toolstack
