// SPDX-License-Identifier: Apache-2.0
// A channel's xenstore nodes, laid out as libxl does, and what its states ask of us. Pure.
#pragma once

#include "common/base/address.hpp"
#include "common/rpc/domain_config.hpp"
#include "toolstackd/xenstore/store.hpp"

#include <optional>
#include <string>
#include <vector>

namespace zocalo::toolstack {

struct ChannelPaths {
    std::string frontend, backend, libxl;
};

ChannelPaths channel_paths(DomId domid, std::uint32_t devid);

// /local/domain/0/backend/console/N: all channels' backend directories of a domain.
std::string channel_backends(DomId domid);

std::vector<StoreChange> channel_nodes(DomId domid, const rpc::ChannelConfig& channel);

// What the frontend's state asks for.
enum class ChannelStep { wait, join, close };
ChannelStep channel_step(const std::optional<std::string>& frontend_state);

} // namespace zocalo::toolstack
