// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/rpc/route.hpp"

namespace zocalo::toolstack {
namespace {

using Params = std::map<std::string, std::string>;

std::optional<Params> fits(std::string_view pattern, const std::vector<std::string>& path)
{
    Params params;
    for (const std::string& segment : path) {
        if (pattern.empty())
            return std::nullopt;
        pattern.remove_prefix(1); // the slash
        const auto end = pattern.find('/');
        const std::string_view wanted = pattern.substr(0, end);
        pattern = end == std::string_view::npos ? std::string_view{} : pattern.substr(end);
        if (wanted.front() == '{')
            params.emplace(wanted.substr(1, wanted.size() - 2), segment);
        else if (wanted != segment)
            return std::nullopt;
    }
    if (!pattern.empty())
        return std::nullopt;
    return params;
}

} // namespace

Match match(Method method, const std::vector<std::string>& path)
{
    Match result;
    for (const Route& route : routes()) {
        auto params = fits(route.pattern, path);
        if (!params)
            continue;
        if (route.method == method) {
            result.route = &route;
            result.params = std::move(*params);
            return result;
        }
        result.allowed += (result.allowed.empty() ? "" : ", ") + std::string(name(route.method));
    }
    return result;
}

const char* name(Method method)
{
    switch (method) {
    case Method::get:
        return "GET";
    case Method::post:
        return "POST";
    case Method::put:
        return "PUT";
    case Method::delete_:
        return "DELETE";
    }
    return "?";
}

} // namespace zocalo::toolstack
