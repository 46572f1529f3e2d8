// SPDX-License-Identifier: Apache-2.0
// zocalo-blkback: serves the disks of one domain. Started by toolstackd with open files and nothing
// else; the order below is the security argument (backends/common/README.md).
#include "backends/blk/disk_service.hpp"
#include "backends/blk/engine.hpp"
#include "backends/blk/uring.hpp"
#include "backends/common/control_server.hpp"
#include "backends/common/log.hpp"
#include "backends/common/process.hpp"
#include "backends/common/sandbox.hpp"

#include <boost/asio/signal_set.hpp>

#include <array>
#include <csignal>
#include <cstdio>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

namespace {

using namespace zocalo;

// Standard streams, the handed descriptors, the event loop's own, a ring's two, and image and
// eventfd of every disk while one more message with descriptors comes in.
constexpr unsigned kOpenFiles = 16 + 2 * backend::kMaxDevices + backend::kMaxFds;

constexpr std::array kCalls{
    static_cast<int>(SYS_fallocate),
    static_cast<int>(SYS_ftruncate), // of a new journal
    static_cast<int>(SYS_pread64),   // whether direct I/O works
};
constexpr std::array kAioCalls{
    static_cast<int>(SYS_eventfd2), // of each image
    static_cast<int>(SYS_io_destroy),
    static_cast<int>(SYS_io_getevents),
    static_cast<int>(SYS_io_setup),
    static_cast<int>(SYS_io_submit),
};
// The ring is made by then, and may do less than these (uring.hpp).
constexpr std::array kUringCalls{static_cast<int>(SYS_io_uring_enter)};
constexpr std::array kIoctls{
    static_cast<std::uint32_t>(BLKGETSIZE64),
    static_cast<std::uint32_t>(BLKPBSZGET),
    static_cast<std::uint32_t>(BLKDISCARD),
    static_cast<std::uint32_t>(BLKSECDISCARD),
};

int fail(const Error& error)
{
    backend::log(backend::Level::error, describe(error));
    return exit_status(error.code);
}

Outcome<Unit> allow_calls(bool ring)
{
    std::vector<int> calls(kCalls.begin(), kCalls.end());
    if (ring)
        calls.insert(calls.end(), kUringCalls.begin(), kUringCalls.end());
    else
        calls.insert(calls.end(), kAioCalls.begin(), kAioCalls.end());
    return backend::allow_only(calls, kIoctls);
}

std::unique_ptr<blk::Uring> make_ring(blk::Engine engine, boost::asio::io_context& io)
{
    if (engine != blk::Engine::io_uring)
        return nullptr;
    auto ring = blk::Uring::create(io);
    if (!ring)
        backend::log(
            backend::Level::warning,
            "this kernel gives no io_uring (sysctl kernel.io_uring_disabled?): disks use libaio"
        );
    return ring;
}

int serve(const backend::Options& options, blk::Engine engine, backend::Handed handed)
{
    backend::Worker worker;
    boost::asio::io_context io{1};
    const auto ring = make_ring(engine, io);
    const backend::TickRate ticks;
    backend::EventPump pump{
        io, *handed.events, [&] { return backend::Poll{ticks.in(options.poll)}; }};
    std::unique_ptr<backend::ControlServer> server;
    blk::DiskService service{
        blk::Device::Surroundings{
            io,
            pump,
            *handed.grants,
            worker,
            [&server](backend::Event event) { server->send_event(std::move(event)); },
            ring.get()},
        options.domain};
    server = std::make_unique<backend::ControlServer>(
        io,
        std::move(handed.listening),
        backend::ControlServer::Identity{backend::Kind::blk, options.domain},
        service,
        [&io] { io.stop(); }
    );
    boost::asio::signal_set signals{io, SIGTERM, SIGINT};
    signals.async_wait([&](boost::system::error_code ec, int) {
        if (!ec)
            service.leave_all([&io] { io.stop(); });
    });
    // What makes files, threads and signals is made: the rest are reads and writes.
    if (auto limited = allow_calls(ring != nullptr); !limited)
        return fail(limited.error());
    io.run();
    return 0;
}

} // namespace

int main(int argc, char** argv)
{
    blk::Engine engine{};
    const auto own = [&engine](std::string_view argument) {
        constexpr std::string_view kName = "--engine=";
        const auto named = argument.starts_with(kName)
                               ? blk::engine_named(argument.substr(kName.size()))
                               : std::nullopt;
        engine = named.value_or(engine);
        return named.has_value();
    };
    auto options = backend::parse_options({argv + 1, static_cast<std::size_t>(argc - 1)}, own);
    if (!options)
        return fail(options.error());
    if (options->version) {
        std::puts("zocalo-blkback " ZOCALO_VERSION);
        return 0;
    }
    auto handed = backend::take_descriptors(*options);
    if (!handed)
        return fail(handed.error());
    if (auto dropped = backend::drop_rights(*options, kOpenFiles); !dropped)
        return fail(dropped.error());
    return serve(*options, engine, std::move(*handed));
}
