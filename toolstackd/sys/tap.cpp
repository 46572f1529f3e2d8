// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/tap.hpp"

#include "toolstackd/sys/link.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

namespace zocalo::toolstack {
namespace {

Error cannot_create(std::string_view name, int error)
{
    const std::string what = "cannot create tap device " + std::string{name};
    if (error == EBUSY)
        return {
            Code::conflict,
            what + ": a network link of that name exists",
            "`ip -d link show " + std::string{name} + "` shows who holds it"};
    if (error == EPERM)
        return system_error(what, error, "this needs CAP_NET_ADMIN");
    return system_error(what, error);
}

Outcome<UniqueFd> open_queue(std::string_view name, short flags)
{
    UniqueFd fd{::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)};
    if (!fd && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
        return Error{
            Code::unsupported,
            "cannot open /dev/net/tun: this kernel has no tap devices",
            "load the module: modprobe tun"};
    if (!fd)
        return system_error("cannot open /dev/net/tun", errno);
    ifreq request{};
    std::memcpy(request.ifr_name, name.data(), name.size());
    request.ifr_flags = flags;
    if (ioctl(fd.get(), TUNSETIFF, &request) != 0)
        return cannot_create(name, errno);
    if (ioctl(fd.get(), TUNSETOFFLOAD, 0UL) != 0)
        return system_error("cannot set the offloads of tap " + std::string{name}, errno);
    return fd;
}

} // namespace

std::string tap_name(unsigned domid, unsigned index)
{
    return "vif" + std::to_string(domid) + "." + std::to_string(index);
}

Outcome<Tap> create_tap(std::string_view name, unsigned queues)
{
    if (!valid_link_name(name))
        return Error{
            Code::usage,
            "\"" + std::string{name} + "\" cannot name a tap device",
            "use 1 to 15 characters without blanks, '/' and ':'"};
    if (queues == 0)
        return Error{Code::usage, "a tap device needs at least one queue", {}};
    int flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (queues > 1)
        flags |= IFF_MULTI_QUEUE;
    Tap tap{std::string{name}, {}};
    for (unsigned queue = 0; queue < queues; ++queue) {
        // Exclusive for the first only: a device of that name must be new, its queues are not.
        const int exclusive = queue == 0 ? IFF_TUN_EXCL : 0;
        tap.queues.push_back(TRY(open_queue(name, static_cast<short>(flags | exclusive))));
    }
    return tap;
}

} // namespace zocalo::toolstack
