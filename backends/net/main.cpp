// SPDX-License-Identifier: Apache-2.0
// zocalo-netback: the network cards of one domain. toolstackd starts it with a listening socket, an
// event channel device and a grant device; taps come over the socket.
#include "backends/common/control_server.hpp"
#include "backends/common/log.hpp"
#include "backends/common/process.hpp"
#include "backends/common/sandbox.hpp"
#include "backends/net/net_service.hpp"

#include <array>
#include <cstdio>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

namespace zocalo::net {
namespace {

// Sockets, devices, the loop's own, and the taps of as many cards as fit a domain.
constexpr unsigned kOpenFiles = 16 + backend::kMaxDevices * backend::kMaxQueues;

constexpr std::array kCalls{
    static_cast<int>(SYS_ftruncate), // of a new journal
    static_cast<int>(SYS_io_uring_enter),
};
constexpr std::array kIoctls{
    static_cast<std::uint32_t>(TUNSETOFFLOAD),
    static_cast<std::uint32_t>(TUNSETCARRIER),
    static_cast<std::uint32_t>(TUNSETQUEUE),
    static_cast<std::uint32_t>(TUNSETVNETHDRSZ),
};

// Frames lie in pages that this domain grants to itself, which makes copies cheaper; where there
// are none left of those they lie in ordinary ones.
Outcome<xen::OwnPages> own_pages(const UniqueFd& device, xen::GrantTable& grants)
{
    if (!device)
        return Error{Code::unsupported, "there is no /dev/xen/gntalloc", "modprobe xen-gntalloc"};
    auto pages = TRY(xen::OwnPages::grant(device.get(), kDom0, Arena::kPages));
    TRY(grants.lend(pages.pages()));
    return pages;
}

Outcome<Unit> serve(const backend::Options& options)
{
    auto handed = TRY(backend::take_descriptors(options));
    const auto pages = own_pages(handed.own_grants, *handed.grants);
    Arena arena = pages ? Arena{pages->pages().bytes} : Arena{};
    if (!pages)
        backend::log(backend::Level::info, "copies cost more: " + describe(pages.error()));
    handed.own_grants.reset();
    TRY(backend::drop_rights(options, kOpenFiles));
    boost::asio::io_context io{1};
    const backend::TickRate ticks;
    backend::EventPump events{
        io, *handed.events, [&] { return backend::Poll{ticks.in(options.poll)}; }};
    const std::unique_ptr<WriteRing> ring = WriteRing::create();
    NetService service{{io, events, *handed.grants, arena, ring.get()}, options.domain};
    backend::ControlServer server{
        io, std::move(handed.listening), {backend::Kind::net, options.domain}, service, [&io] {
            io.stop();
        }};
    service.on_event([&server](backend::Event event) { server.send_event(std::move(event)); });
    // What makes files and threads is made: the rest are reads and writes.
    TRY(backend::allow_only(kCalls, kIoctls));
    io.run();
    return Unit{};
}

int run(std::span<char* const> arguments)
{
    const auto options = backend::parse_options(arguments);
    if (options && options->version) {
        std::puts("zocalo-netback " ZOCALO_VERSION);
        return 0;
    }
    const auto served = options ? serve(*options) : Outcome<Unit>{options.error()};
    if (served)
        return 0;
    backend::log(backend::Level::error, "zocalo-netback: " + describe(served.error()));
    return exit_status(served.error().code);
}

} // namespace
} // namespace zocalo::net

int main(int argc, char** argv)
{
    return zocalo::net::run({argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0)});
}
