// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/console/channel_nodes.hpp"

#include <xen/io/xenbus.h>

namespace zocalo::toolstack {
namespace {

using Kind = StoreChange::Kind;

struct Entry {
    const char* key;
    std::string value;
};

void write_all(
    std::vector<StoreChange>& changes, const std::string& root, std::initializer_list<Entry> entries
)
{
    for (const Entry& entry : entries)
        if (!entry.value.empty())
            changes.push_back({Kind::write, root + "/" + entry.key, entry.value, {}});
}

// Bytes that dom0 may buffer, as libxl announces it for every console.
constexpr const char* kLimit = "1048576";

} // namespace

std::string channel_backends(DomId domid)
{
    return "/local/domain/0/backend/console/" + std::to_string(domid.value);
}

ChannelPaths channel_paths(DomId domid, std::uint32_t devid)
{
    const std::string guest = std::to_string(domid.value);
    const std::string tail = "/device/console/" + std::to_string(devid);
    return {
        "/local/domain/" + guest + tail,
        channel_backends(domid) + "/" + std::to_string(devid),
        "/libxl/" + guest + tail};
}

std::vector<StoreChange> channel_nodes(DomId domid, const rpc::ChannelConfig& channel)
{
    const ChannelPaths paths = channel_paths(domid, channel.devid.value_or(1));
    const std::string guest = std::to_string(domid.value);
    const std::string initialising = std::to_string(XenbusStateInitialising);
    std::vector<StoreChange> changes;
    changes.push_back({Kind::mkdir, paths.frontend, {}, {"n" + guest, "r0"}});
    write_all(
        changes,
        paths.frontend,
        {{"backend", paths.backend},
         {"backend-id", "0"},
         {"limit", kLimit},
         {"type", "ioemu"},
         {"output", channel.connection == "pty" ? "pty" : "chardev:libxl-channel"},
         {"name", channel.name},
         {"protocol", "vt100"},
         {"state", initialising}}
    );
    changes.push_back({Kind::mkdir, paths.backend, {}, {"n0", "r" + guest}});
    for (const std::string& root : {paths.backend, paths.libxl})
        write_all(
            changes,
            root,
            {{"frontend", paths.frontend},
             {"frontend-id", guest},
             {"online", "1"},
             {"state", initialising},
             {"protocol", "vt100"},
             {"name", channel.name},
             {"connection", channel.connection},
             {"path", channel.path}}
        );
    write_all(changes, paths.libxl, {{"backend", paths.backend}});
    return changes;
}

ChannelStep channel_step(const std::optional<std::string>& frontend_state)
{
    const auto is = [&](int state) { return frontend_state == std::to_string(state); };
    if (is(XenbusStateInitialised) || is(XenbusStateConnected))
        return ChannelStep::join;
    if (is(XenbusStateClosing) || is(XenbusStateClosed))
        return ChannelStep::close;
    return ChannelStep::wait; // also for what is no state at all
}

} // namespace zocalo::toolstack
