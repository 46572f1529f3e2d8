// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/device/others.hpp"

#include "toolstackd/device/nodes.hpp"
#include "toolstackd/xenstore/node_value.hpp"

#include <algorithm>
#include <map>

namespace zocalo::toolstack {
namespace {

constexpr std::size_t kMost = 256;

// One device: what libxl keeps of it for toolstacks, what the guest says, what the backend says.
struct Found {
    std::uint32_t devid{};
    std::string frontend, backend;
    std::map<std::string, std::string> front, back;
};

Answer<std::map<std::string, std::string>>
read_some(Store& store, std::string path, std::vector<std::string> names)
{
    std::map<std::string, std::string> values;
    for (const std::string& name : names) {
        auto value = co_await store.read(path + "/" + name);
        if (!value)
            co_return value.error();
        values[name] = value->value_or("");
    }
    co_return values;
}

// A guest can write its own directory: the backend's path is believed only where a backend of this
// domain can be (xenstore-paths: /local/domain/B/backend/KIND/N/ID).
bool plausible(const std::string& backend, DomId domid)
{
    const std::string end = "/" + std::to_string(domid.value) + "/";
    return backend.starts_with("/local/domain/") && backend.size() < 128 &&
           backend.find("/backend/") != std::string::npos && backend.find(end) != std::string::npos;
}

Answer<std::vector<Found>> find_all(
    Store& store,
    DomId domid,
    std::string kind,
    std::vector<std::string> front,
    std::vector<std::string> back
)
{
    const std::string root = "/local/domain/" + std::to_string(domid.value) + "/device/" + kind;
    auto names = co_await store.list(root);
    if (!names)
        co_return names.error();
    std::vector<Found> all;
    for (const std::string& name : *names) {
        Found found;
        const std::int64_t devid = node_number(name);
        found.frontend = root + "/" + name;
        auto backend = co_await store.read(found.frontend + "/backend");
        if (!backend)
            co_return backend.error();
        found.backend = backend->value_or("");
        if (devid < 0 || devid > 0xffffffffLL || !plausible(found.backend, domid) ||
            all.size() >= kMost)
            continue;
        found.devid = static_cast<std::uint32_t>(devid);
        auto ours = co_await read_some(store, found.frontend, front);
        if (!ours)
            co_return ours.error();
        auto theirs = co_await read_some(store, found.backend, back);
        if (!theirs)
            co_return theirs.error();
        found.front = std::move(*ours);
        found.back = std::move(*theirs);
        all.push_back(std::move(found));
    }
    std::ranges::sort(all, {}, &Found::devid);
    co_return all;
}

std::uint32_t backend_domid(const Found& found)
{
    return static_cast<std::uint32_t>(
        std::max<std::int64_t>(node_number(found.front.at("backend-id")), 0)
    );
}

// libxl's params are "raw:/path" for qdisk, "/dev/x" for blkback.
std::string target_of(const std::string& params)
{
    const std::size_t colon = params.find(":/");
    return colon == std::string::npos || params.starts_with('/') ? params
                                                                 : params.substr(colon + 1);
}

} // namespace

Answer<std::vector<rpc::DiskView>> disks_in_store(Store& store, DomId domid)
{
    std::vector<std::string> front{
        "backend-id", "state", "device-type", "event-channel", "ring-ref"};
    std::vector<std::string> back{"state", "params", "mode", "dev", "type"};
    auto all = co_await find_all(store, domid, "vbd", std::move(front), std::move(back));
    if (!all)
        co_return all.error();
    std::vector<rpc::DiskView> views;
    for (const Found& found : *all) {
        rpc::DiskView view;
        view.devid = found.devid;
        view.vdev = found.back.at("dev");
        view.target = target_of(found.back.at("params"));
        view.format = found.back.at("params").starts_with('/') ? "raw" : found.back.at("type");
        view.readonly = found.back.at("mode") == "r";
        view.cdrom = found.front.at("device-type") == "cdrom";
        view.backend_state = state_word(found.back.at("state"));
        view.frontend_state = state_word(found.front.at("state"));
        view.backend_path = found.backend;
        view.backend_domid = backend_domid(found);
        view.event_channel = node_number(found.front.at("event-channel"));
        view.ring_ref = node_number(found.front.at("ring-ref"));
        views.push_back(std::move(view));
    }
    co_return views;
}

Answer<std::vector<rpc::NicView>> nics_in_store(Store& store, DomId domid)
{
    std::vector<std::string> front{
        "backend-id",
        "state",
        "mac",
        "event-channel",
        "event-channel-tx",
        "event-channel-rx",
        "tx-ring-ref",
        "rx-ring-ref"};
    std::vector<std::string> back{"state", "bridge", "vifname", "mtu"};
    auto all = co_await find_all(store, domid, "vif", std::move(front), std::move(back));
    if (!all)
        co_return all.error();
    std::vector<rpc::NicView> views;
    for (const Found& found : *all) {
        const std::int64_t shared = node_number(found.front.at("event-channel"));
        rpc::NicView view;
        view.devid = found.devid;
        view.mac = found.front.at("mac");
        view.bridge = found.back.at("bridge");
        view.vifname = found.back.at("vifname");
        if (view.vifname.empty())
            view.vifname = "vif" + std::to_string(domid.value) + "." + std::to_string(found.devid);
        view.mtu = static_cast<std::uint32_t>(node_number(found.back.at("mtu"), 1500));
        view.backend_state = state_word(found.back.at("state"));
        view.frontend_state = state_word(found.front.at("state"));
        view.backend_path = found.backend;
        view.backend_domid = backend_domid(found);
        view.tx_event_channel = node_number(found.front.at("event-channel-tx"), shared);
        view.rx_event_channel = node_number(found.front.at("event-channel-rx"), shared);
        view.tx_ring_ref = node_number(found.front.at("tx-ring-ref"));
        view.rx_ring_ref = node_number(found.front.at("rx-ring-ref"));
        views.push_back(std::move(view));
    }
    co_return views;
}

} // namespace zocalo::toolstack
