// SPDX-License-Identifier: Apache-2.0
#include "backends/net/tap.hpp"

#include <cerrno>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace zocalo::net {

Outcome<Unit> Tap::prepare()
{
    const int flags = fcntl(fd_.get(), F_GETFL);
    if (flags < 0 || fcntl(fd_.get(), F_SETFL, flags | O_NONBLOCK) != 0)
        return system_error("cannot make the tap non-blocking", errno);
    int header = sizeof(TapHeader);
    if (ioctl(fd_.get(), TUNSETVNETHDRSZ, &header) != 0)
        return system_error(
            "cannot set the tap's header size", errno, "it must be a tap opened with IFF_VNET_HDR"
        );
    TRY(set_offloads(0));
    return set_carrier(false);
}

Outcome<Unit> Tap::set_offloads(unsigned offloads)
{
    if (ioctl(fd_.get(), TUNSETOFFLOAD, static_cast<unsigned long>(offloads)) != 0)
        return system_error("cannot set the tap's offloads", errno);
    return Unit{};
}

Outcome<Unit> Tap::set_carrier(bool up)
{
    int carrier = up;
    if (ioctl(fd_.get(), TUNSETCARRIER, &carrier) != 0)
        return system_error("cannot set the tap's carrier", errno);
    return Unit{};
}

Outcome<Unit> Tap::set_attached(bool attached)
{
    ifreq request{};
    request.ifr_flags = static_cast<short>(attached ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE);
    // EINVAL: it was attached, or detached, already.
    if (ioctl(fd_.get(), TUNSETQUEUE, &request) != 0 && errno != EINVAL)
        return system_error("cannot attach or detach a queue of the tap", errno);
    return Unit{};
}

void Tap::write(std::span<TapWrite> frames)
{
    if (ring_ != nullptr && ring_->usable() && frames.size() > 1)
        return ring_->write(fd_.get(), frames);
    for (TapWrite& one : frames)
        one.taken = ::write(fd_.get(), one.bytes.data(), one.bytes.size()) ==
                    static_cast<ssize_t>(one.bytes.size());
}

Tap::Read Tap::read(std::span<std::uint8_t> room, std::size_t& size)
{
    const ssize_t got = ::read(fd_.get(), room.data(), room.size());
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? Read::empty : Read::failed;
    size = static_cast<std::size_t>(got);
    return Read::frame;
}

} // namespace zocalo::net
