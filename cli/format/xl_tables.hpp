// SPDX-License-Identifier: Apache-2.0
// xl's tables, byte for byte: what `zl` prints when called as `xl`, for the scripts that parse
// them. The widths are facts of xl 4.17's output.
#pragma once

#include "common/rpc/views.hpp"

#include <iosfwd>
#include <span>
#include <string>

namespace zocalo::cli {

struct XlListFlags {
    bool verbose{false}, context{false}, cpupool{false}, numa{false};
};

void xl_list(std::ostream& out, std::span<const rpc::DomainView> domains, XlListFlags flags);

void xl_vcpu_header(std::ostream& out);
void xl_vcpus(std::ostream& out, const rpc::DomainDetail& detail);

void xl_block_header(std::ostream& out);
void xl_blocks(std::ostream& out, const rpc::DomainDetail& detail);

void xl_network_header(std::ostream& out);
void xl_networks(std::ostream& out, const rpc::DomainDetail& detail);

void xl_channel_header(std::ostream& out);
void xl_channels(std::ostream& out, const rpc::DomainDetail& detail);

void xl_sched_header(std::ostream& out);
void xl_sched(std::ostream& out, const rpc::DomainDetail& detail);

void xl_info(std::ostream& out, const rpc::HostView& host);

// `now` is the wall clock as HH:MM:SS, for the short form.
void xl_uptime(
    std::ostream& out, const rpc::DomainView& domain, bool short_form, const std::string& now
);
std::string uptime_text(std::uint64_t seconds, bool short_form);

// The six letters "rbpscd" with '-' for what is not set.
std::string state_letters(const rpc::DomainView& domain);

} // namespace zocalo::cli
