// SPDX-License-Identifier: Apache-2.0
// DISKSPEC, the text in xl.cfg's disk = [ "..." ] and after `zl block-attach DOMAIN`
// (xl-disk-configuration(5)), read exactly as libxlutil reads it; where that silently misreads,
// this refuses (see README.md). Knows the grammar only: whether an image exists is the daemon's
// business.
#pragma once

#include "common/rpc/domain_config.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zocalo::cli::cfg {

// What the text says, before it is mapped to what we support.
struct DiskSpec {
    std::optional<std::string> target, vdev;
    std::string format; // raw, qcow, qcow2, vhd, qed, empty; "" until given
    std::string backend, backendtype, script, specification;
    bool readwrite{true};
    bool cdrom{false};
    bool direct_io_safe{false};
    std::optional<bool> discard, trusted, grant_usage;
    std::uint32_t sector_size{512}; // ours, xl does not know it
    bool colo{false};               // some colo-* or *-disk key was there: accepted, ignored
};

// Several pieces are read as one specification, as `block-attach` gets them. Code::usage otherwise.
Outcome<DiskSpec> parse_disk_spec(std::span<const std::string> pieces);

// As the control API wants it. Adds to `warnings` what is accepted but has no effect.
rpc::DiskConfig to_config(const DiskSpec& spec, std::vector<std::string>& warnings);

} // namespace zocalo::cli::cfg
