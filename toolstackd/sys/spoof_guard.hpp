// SPDX-License-Identifier: Apache-2.0
// What a guest may send: frames from its own MAC and addresses only, no answers of a DHCP server
// and no router advertisements. Rules of nftables' bridge family in a table of our own, one chain
// for each port, each change one transaction; other tables are never touched. In process, by
// libnftables.
#pragma once

#include "common/error/error.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace zocalo::toolstack {

struct SpoofGuard {
    std::string link; // the port
    std::string mac;
    std::vector<std::string> ipv4, ipv6; // with or without a prefix length
    bool tagged{};                       // VLAN tags are the guest's own business
};

// `ip=` of a VIFSPEC: addresses separated by blanks. Code::usage names the one that is none.
Outcome<SpoofGuard>
make_guard(std::string_view link, std::string_view mac, std::string_view addresses, bool tagged);

// The transaction that puts it in place, whatever was there for that port before. Pure.
std::string guard_commands(const SpoofGuard& guard);
std::string unguard_commands(std::string_view link);

Outcome<Unit> guard_port(const SpoofGuard& guard);
// No error when there was none.
Outcome<Unit> unguard_port(std::string_view link);

} // namespace zocalo::toolstack
