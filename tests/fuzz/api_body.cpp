// SPDX-License-Identifier: Apache-2.0
// A body of every change: JSON of any shape is read strictly or refused, and what was accepted
// reads the same after a round trip.
#include "common/rpc/json.hpp"
#include "toolstackd/rpc/route.hpp"

#include <boost/json/serialize.hpp>

#include <cstdlib>

using namespace zocalo;
using namespace zocalo::toolstack;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto value = rpc::parse({reinterpret_cast<const char*>(data), size});
    if (!value)
        return 0;
    for (const Route& route : routes())
        if (route.takes.check != nullptr)
            static_cast<void>(route.takes.check(*value));
    const auto config = rpc::from_json<rpc::DomainConfig>(*value, "");
    if (!config)
        return 0;
    const auto again = rpc::from_json<rpc::DomainConfig>(rpc::to_json(*config), "");
    if (!again || *again != *config)
        std::abort();
    static_cast<void>(rpc::resolve(*config));
    return 0;
}
