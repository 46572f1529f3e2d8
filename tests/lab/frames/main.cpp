// SPDX-License-Identifier: Apache-2.0
// frames: sends Ethernet frames as they are, run by root inside a guest (lab/test_cards.py).
//
//     frames eth1 < LINES      each line one frame, in hexadecimal
#include "common/posix/unique_fd.hpp"

#include <arpa/inet.h>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string>
#include <sys/socket.h>

namespace {

[[noreturn]] void die(const char* what)
{
    std::perror(what);
    std::exit(1);
}

std::string bytes_of(const std::string& line)
{
    std::string bytes;
    for (std::size_t at = 0; at + 1 < line.size(); at += 2)
        bytes += static_cast<char>(std::stoi(line.substr(at, 2), nullptr, 16));
    return bytes;
}

} // namespace

int main(int argc, char** argv)
{
    const zocalo::UniqueFd socket{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)};
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_protocol = htons(ETH_P_ALL);
    to.sll_ifindex = argc > 1 ? static_cast<int>(::if_nametoindex(argv[1])) : 0;
    if (!socket || to.sll_ifindex == 0)
        die("frames: needs the name of a network card");
    for (std::string line; std::getline(std::cin, line);) {
        const std::string frame = bytes_of(line);
        if (::sendto(
                socket.get(),
                frame.data(),
                frame.size(),
                0,
                reinterpret_cast<const sockaddr*>(&to),
                sizeof to
            ) < 0)
            die("frames: send");
    }
}
