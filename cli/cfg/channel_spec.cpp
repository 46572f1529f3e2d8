// SPDX-License-Identifier: Apache-2.0
#include "cli/cfg/channel_spec.hpp"

#include <algorithm>
#include <array>

namespace zocalo::cli::cfg {
namespace {

constexpr std::size_t kMaxSpec = 1024;

struct TextKey {
    std::string_view key;
    std::string rpc::ChannelConfig::*member;
};
constexpr std::array<TextKey, 4> kTextKeys{{
    {"name", &rpc::ChannelConfig::name},
    {"connection", &rpc::ChannelConfig::connection},
    {"path", &rpc::ChannelConfig::path},
    {"backend", &rpc::ChannelConfig::backend},
}};

Error bad(std::string what)
{
    return Error{
        Code::usage,
        "channel: " + std::move(what),
        "write name=NAME,connection=socket,path=PATH or name=NAME,connection=pty"};
}

Outcome<Unit> set_argument(rpc::ChannelConfig& channel, std::string_view argument)
{
    const std::size_t equals = argument.find('=');
    const std::string_view key = argument.substr(0, equals);
    const auto row = std::ranges::find(kTextKeys, key, &TextKey::key);
    if (equals == std::string_view::npos || row == kTextKeys.end())
        return bad("unknown argument \"" + std::string{argument} + "\"");
    channel.*(row->member) = argument.substr(equals + 1);
    return Unit{};
}

} // namespace

Outcome<rpc::ChannelConfig> parse_channel_spec(std::string_view text)
{
    if (text.size() > kMaxSpec)
        return bad("longer than 1024 characters");
    rpc::ChannelConfig channel;
    while (!text.empty()) {
        std::string_view argument = text.substr(0, text.find(','));
        text.remove_prefix(std::min(argument.size() + 1, text.size()));
        argument.remove_prefix(std::min(argument.find_first_not_of(" \t"), argument.size()));
        while (argument.ends_with(' ') || argument.ends_with('\t'))
            argument.remove_suffix(1);
        if (!argument.empty())
            TRY(set_argument(channel, argument));
    }
    return channel;
}

} // namespace zocalo::cli::cfg
