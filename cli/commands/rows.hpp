// SPDX-License-Identifier: Apache-2.0
// The rows of Listings: API views as JSON objects, with the derived values that people want to read
// (MiB, seconds, state letters) added under names of their own.
#pragma once

#include "cli/command.hpp"

namespace zocalo::cli {

boost::json::object domain_row(const rpc::DomainView& domain);
boost::json::object detail_row(const rpc::DomainDetail& detail);
boost::json::object vcpu_row(const rpc::DomainView& domain, const rpc::VcpuView& vcpu);
boost::json::object disk_row(const rpc::DomainView& domain, const rpc::DiskView& disk);
boost::json::object nic_row(const rpc::DomainView& domain, const rpc::NicView& nic);
boost::json::object channel_row(const rpc::DomainView& domain, const rpc::ChannelView& channel);
boost::json::object host_row(const rpc::HostView& host);
boost::json::object op_row(const rpc::OpView& op);
boost::json::object event_row(const rpc::EventView& event);
boost::json::object finding_row(const rpc::FindingView& finding);

// "2026-11-21 01:12:59" in local time; empty for 0.
std::string time_text(std::int64_t unix_ms);

// The details of the domains named, or of all that are in Xen when none is.
Outcome<std::vector<rpc::DomainDetail>> details_of(const Args& args, const Session& session);

} // namespace zocalo::cli
