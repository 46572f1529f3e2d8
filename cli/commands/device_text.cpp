// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/device_text.hpp"

#include "common/rpc/json.hpp"

#include <boost/json/serialize.hpp>

namespace zocalo::cli {
namespace {

template <class T> boost::json::object object_of(const T& value)
{
    return std::move(rpc::to_json(value).as_object());
}

} // namespace

boost::json::object disk_body(const rpc::DiskConfig& disk)
{
    return object_of(disk);
}
boost::json::object nic_body(const rpc::NicConfig& nic)
{
    return object_of(nic);
}
boost::json::object autostart_body(const rpc::AutostartConfig& autostart)
{
    return object_of(autostart);
}

std::string xl_disk_text(const cfg::DiskSpec& spec)
{
    std::string members;
    auto add = [&](const char* key, const std::string& json) {
        members += (members.empty() ? "" : ",") + std::string{"\n    \""} + key + "\": " + json;
    };
    auto text = [&](const char* key, const std::string& value) {
        if (!value.empty())
            add(key, boost::json::serialize(boost::json::value(boost::json::string(value))));
    };
    auto flag = [&](const char* key, bool set) {
        if (set)
            add(key, "1");
    };
    auto choice = [&](const char* key, const std::optional<bool>& value) {
        if (value)
            add(key, *value ? "\"True\"" : "\"False\"");
    };
    text("backend_domname", spec.backend);
    if (spec.target)
        add("pdev_path",
            boost::json::serialize(boost::json::value(boost::json::string(*spec.target))));
    text("vdev", spec.vdev.value_or(""));
    text("backend", spec.backendtype);
    text("format", spec.format);
    text("script", spec.script);
    flag("removable", spec.cdrom);
    flag("readwrite", spec.readwrite);
    flag("is_cdrom", spec.cdrom);
    flag("direct_io_safe", spec.direct_io_safe);
    choice("discard_enable", spec.discard);
    text("specification", spec.specification);
    choice("trusted", spec.trusted);
    choice("grant_usage", spec.grant_usage);
    return "disk: {" + members + "\n}\n\n";
}

} // namespace zocalo::cli
