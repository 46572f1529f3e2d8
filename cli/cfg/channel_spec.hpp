// SPDX-License-Identifier: Apache-2.0
// CHANNELSPEC, the text in xl.cfg's channel = [ "..." ] (xl-channel in xl.cfg(5)). Grammar only.
#pragma once

#include "common/rpc/domain_config.hpp"

#include <string_view>

namespace zocalo::cli::cfg {

// "name=org.example.agent,connection=socket,path=/run/agent.sock" or "name=N,connection=pty".
Outcome<rpc::ChannelConfig> parse_channel_spec(std::string_view text);

} // namespace zocalo::cli::cfg
