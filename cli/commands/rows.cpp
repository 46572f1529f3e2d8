// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/rows.hpp"

#include "cli/format/xl_tables.hpp"
#include "common/rpc/json.hpp"

#include <array>
#include <ctime>

namespace zocalo::cli {
namespace {

template <class T> boost::json::object object_of(const T& view)
{
    return std::move(rpc::to_json(view).as_object());
}

double in_seconds(std::uint64_t ns)
{
    return static_cast<double>(ns) / 1e9;
}

template <class T> boost::json::object owned(const rpc::DomainView& domain, const T& view)
{
    boost::json::object row;
    row["domain"] = domain.name;
    row["domid"] = domain.domid;
    for (const auto& member : object_of(view))
        row[member.key()] = member.value();
    return row;
}

} // namespace

std::string time_text(std::int64_t unix_ms)
{
    if (unix_ms == 0)
        return {};
    const std::time_t when = unix_ms / 1000;
    std::tm local{};
    ::localtime_r(&when, &local);
    std::array<char, 32> text{};
    std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &local);
    return text.data();
}

boost::json::object domain_row(const rpc::DomainView& domain)
{
    auto row = object_of(domain);
    if (domain.domid < 0)
        row["domid"] = nullptr;
    row["memory_mib"] = domain.memory_kib / 1024;
    row["cpu_time_s"] = in_seconds(domain.cpu_time_ns);
    row["letters"] = state_letters(domain);
    row["uptime"] = domain.uptime_s == 0 ? "" : uptime_text(domain.uptime_s, false);
    return row;
}

boost::json::object detail_row(const rpc::DomainDetail& detail)
{
    return object_of(detail);
}

boost::json::object vcpu_row(const rpc::DomainView& domain, const rpc::VcpuView& vcpu)
{
    auto row = owned(domain, vcpu);
    row["state"] = !vcpu.online   ? "offline"
                   : vcpu.running ? "running"
                   : vcpu.blocked ? "blocked"
                                  : "runnable";
    row["cpu_time_s"] = in_seconds(vcpu.cpu_time_ns);
    if (vcpu.cpu < 0)
        row["cpu"] = nullptr;
    return row;
}

boost::json::object disk_row(const rpc::DomainView& domain, const rpc::DiskView& disk)
{
    auto row = owned(domain, disk);
    row["access"] = disk.readonly ? "ro" : "rw";
    return row;
}

boost::json::object nic_row(const rpc::DomainView& domain, const rpc::NicView& nic)
{
    return owned(domain, nic);
}

boost::json::object channel_row(const rpc::DomainView& domain, const rpc::ChannelView& channel)
{
    return owned(domain, channel);
}

boost::json::object host_row(const rpc::HostView& host)
{
    return object_of(host);
}

boost::json::object op_row(const rpc::OpView& op)
{
    auto row = object_of(op);
    row["created"] = time_text(op.created_ms);
    row["finished"] = time_text(op.finished_ms);
    return row;
}

boost::json::object event_row(const rpc::EventView& event)
{
    auto row = object_of(event);
    row["time"] = time_text(event.time_ms);
    return row;
}

boost::json::object finding_row(const rpc::FindingView& finding)
{
    return object_of(finding);
}

Outcome<std::vector<rpc::DomainDetail>> details_of(const Args& args, const Session& session)
{
    std::vector<std::string> refs = args.positional;
    const bool all = refs.empty();
    if (all)
        for (const auto& domain : TRY(session.api.domains()))
            if (domain.domid >= 0)
                refs.push_back(domain.uuid.empty() ? std::to_string(domain.domid) : domain.uuid);
    std::vector<rpc::DomainDetail> details;
    for (const std::string& ref : refs) {
        auto detail = session.api.domain(ref);
        if (!detail && all && detail.error().code == Code::not_found)
            continue; // it ended since it was listed
        details.push_back(TRY(std::move(detail)));
    }
    return details;
}

} // namespace zocalo::cli
