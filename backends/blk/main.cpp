// SPDX-License-Identifier: Apache-2.0
// zocalo-blkback: serves the disks of one domain. Started by toolstackd with open files and nothing
// else; the order below is the security argument (backends/common/README.md).
#include "backends/blk/disk_service.hpp"
#include "backends/common/control_server.hpp"
#include "backends/common/log.hpp"
#include "backends/common/process.hpp"

#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <cstdio>

namespace {

using namespace zocalo;

// Standard streams, the handed descriptors, the event loop's own, and image and eventfd of every
// disk while one more message with descriptors comes in.
constexpr unsigned kOpenFiles = 16 + 2 * backend::kMaxDevices + backend::kMaxFds;

int fail(const Error& error)
{
    backend::log(backend::Level::error, describe(error));
    return exit_status(error.code);
}

int serve(const backend::Options& options, backend::Handed handed)
{
    boost::asio::io_context io{1};
    backend::EventPump pump{io, *handed.events};
    std::unique_ptr<backend::ControlServer> server;
    blk::DiskService service{
        blk::Device::Surroundings{
            io,
            pump,
            *handed.grants,
            [&server](backend::Event event) { server->send_event(std::move(event)); }},
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
            service.close_all([&io] { io.stop(); });
    });
    io.run();
    return 0;
}

} // namespace

int main(int argc, char** argv)
{
    auto options = backend::parse_options({argv + 1, static_cast<std::size_t>(argc - 1)});
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
    return serve(*options, std::move(*handed));
}
