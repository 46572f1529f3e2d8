// SPDX-License-Identifier: Apache-2.0
// Whatever a client writes behind its method: parsing and routing it must hold their bounds.
#include "toolstackd/rpc/route.hpp"

#include <cstdlib>

using namespace zocalo::toolstack;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto target = parse_target({reinterpret_cast<const char*>(data), size});
    if (!target)
        return 0;
    if (target->path.size() > kMostSegments || target->query.size() > kMostParameters)
        std::abort();
    for (const std::string& segment : target->path)
        if (segment.empty() || segment == "." || segment == "..")
            std::abort();
    for (const auto& [key, value] : target->query) {
        const auto number = target->number(key, 600);
        if (number && *number && **number > 600)
            std::abort();
        static_cast<void>(target->flag(key));
    }
    for (const Method method : {Method::get, Method::post, Method::put, Method::delete_})
        if (const Match found = match(method, target->path); found.route != nullptr)
            if (found.route->method != method)
                std::abort();
    return 0;
}
