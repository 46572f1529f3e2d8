// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/device/frontend.hpp"

#include "common/backend-ctl/frontend_keys.hpp"

#include <algorithm>
#include <map>

namespace zocalo::toolstack {
namespace {

constexpr std::size_t kMostKeys = 64;       // in one directory
constexpr std::size_t kMostValueBytes = 64; // of a number or a protocol's name

using Keys = std::map<std::string, std::string>;

Answer<Unit>
read_directory(Store& store, const std::string& directory, const std::string& prefix, Keys& keys)
{
    auto names = co_await store.list(directory);
    if (!names)
        co_return names.error();
    if (names->size() > kMostKeys)
        co_return Error{
            Code::failed, "the guest's driver wrote too many keys into " + directory, {}};
    for (const std::string& name : *names) {
        if (name.starts_with("queue-"))
            continue;
        auto value = co_await store.read(directory + "/" + name);
        if (!value)
            co_return value.error();
        if (*value && (*value)->size() <= kMostValueBytes)
            keys.emplace(prefix + name, std::move(**value));
    }
    co_return Unit{};
}

std::size_t queues_in(const Keys& keys)
{
    const auto found = keys.find("multi-queue-num-queues");
    if (found == keys.end() || found->second.size() > 2 ||
        found->second.find_first_not_of("0123456789") != std::string::npos)
        return 0;
    return std::min<std::size_t>(std::stoul("0" + found->second), backend::kMaxQueues);
}

} // namespace

Answer<backend::Connect>
read_frontend(Store& store, DeviceKey device, DomId domid, std::string directory)
{
    Keys keys;
    auto read = co_await read_directory(store, directory, "", keys);
    if (!read)
        co_return read.error();
    const std::size_t queues = queues_in(keys);
    for (std::size_t i = 0; i < queues; ++i) {
        const std::string name = "queue-" + std::to_string(i);
        read = co_await read_directory(store, directory + "/" + name, name + "/", keys);
        if (!read)
            co_return read.error();
    }
    const backend::FrontendLookup lookup = [&keys](std::string_view key
                                           ) -> std::optional<std::string> {
        const auto found = keys.find(std::string(key));
        return found == keys.end() ? std::nullopt : std::optional(found->second);
    };
    if (device.kind == DeviceKind::disk)
        co_return backend::read_blk_frontend(device.devid, domid, lookup);
    co_return backend::read_net_frontend(device.devid, domid, lookup);
}

Answer<std::uint16_t> read_headroom(Store& store, std::string directory)
{
    const auto value = co_await store.read(directory + "/xdp-headroom");
    if (!value)
        co_return value.error();
    co_return backend::read_headroom([&value](std::string_view) { return *value; });
}

} // namespace zocalo::toolstack
