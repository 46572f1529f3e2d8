// SPDX-License-Identifier: Apache-2.0
// How a backend process begins: its command line, the descriptors it was handed, and the rights it
// gives up before the first byte of a guest is read. Used by both main.cpp; knows nothing of disks
// or cards.
#pragma once

#include "common/backend-ctl/messages.hpp"
#include "common/error/error.hpp"
#include "common/posix/unique_fd.hpp"
#include "common/xen-sys/event_channels.hpp"
#include "common/xen-sys/grant_table.hpp"

#include <chrono>
#include <functional>
#include <span>
#include <string_view>

namespace zocalo::backend {

// --domain=N --listen-fd=3 --evtchn-fd=4 --gntdev-fd=5 [--gntalloc-fd=6] [--uid=U --gid=G]
// [--poll-us=N]
struct Options {
    DomId domain{};
    int listen_fd = 3;
    int evtchn_fd = 4;
    int gntdev_fd = 5;
    int gntalloc_fd = -1; // none
    unsigned uid = 0;     // 0: the supervisor chose it already
    unsigned gid = 0;
    std::chrono::microseconds poll{}; // how long a ring is watched before the process sleeps
    bool version = false;
};

// True for an argument that this kind of backend alone knows, and has taken.
using TakeOwn = std::function<bool(std::string_view argument)>;

// Errors are Code::usage and name the argument.
Outcome<Options> parse_options(std::span<char* const> arguments, const TakeOwn& own = {});

struct Handed {
    UniqueFd listening;
    std::unique_ptr<xen::EventChannels> events;
    std::unique_ptr<xen::GrantTable> grants;
    UniqueFd own_grants; // /dev/xen/gntalloc, if it was handed over; for xen::OwnPages
};

// Takes over the descriptors; closes every other one above stderr, so that nothing leaks in.
Outcome<Handed> take_descriptors(const Options& options);

// Gives up the host's files and networks (started as root), user, groups, capabilities and the way
// to gain any of them. Irreversible. `open_files` bounds the descriptors the process may ever hold.
Outcome<Unit> drop_rights(const Options& options, unsigned open_files);

} // namespace zocalo::backend
