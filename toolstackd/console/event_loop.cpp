// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/console/event_loop.hpp"

#include "toolstackd/sys/log.hpp"

#include <boost/asio/use_awaitable.hpp>

namespace zocalo::toolstack {

namespace asio = boost::asio;

asio::awaitable<void> serve_events(
    asio::posix::stream_descriptor& device,
    xen::EventChannels& events,
    std::function<void(EventPort)> fire
)
{
    constexpr int kPortsPerWakeup = 64;
    for (;;) {
        co_await device.async_wait(asio::posix::descriptor_base::wait_read, asio::use_awaitable);
        for (int i = 0; i < kPortsPerWakeup; ++i) {
            const auto port = events.pending();
            if (!port)
                log_error(describe(port.error()));
            if (!port || !*port)
                break;
            fire(**port);
        }
    }
}

} // namespace zocalo::toolstack
