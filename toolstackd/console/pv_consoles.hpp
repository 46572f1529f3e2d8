// SPDX-License-Identifier: Apache-2.0
// PvConsoles: the Consoles on Xen's devices. One event channel device for all domains; each wakeup
// takes at most one ring (2 KiB) from each domain in turn, and a domain that writes faster than its
// pace finds its ring full for a while. Log files are written on a pool of one thread.
#pragma once

#include "toolstackd/console/console.hpp"
#include "toolstackd/console/consoles.hpp"
#include "toolstackd/console/pv_channels.hpp"
#include "toolstackd/sys/metrics.hpp"
#include "toolstackd/sys/pool.hpp"
#include "toolstackd/sys/task_scope.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <map>

namespace zocalo::toolstack {

class PvConsoles final : public Consoles {
  public:
    // The devices must outlive it. Call `start` before anything else.
    PvConsoles(
        boost::asio::any_io_executor executor,
        xen::EventChannels& events,
        xen::GrantTable& grants,
        ConsoleOptions options
    );
    ~PvConsoles() override;

    // Before `start`; without it a domain cannot have channels.
    void serve_channels(std::unique_ptr<PvChannels> channels) { channels_ = std::move(channels); }
    void start();
    // Takes what the rings hold, writes the logs and lets go of all rings; domains do not notice.
    boost::asio::awaitable<void> stop();
    // Writes zocalo_console_bytes_total.
    void write_metrics(MetricsText& text) const;

    Answer<Unit> open(
        const rpc::Uuid& uuid, std::string name, DomId domid, std::uint64_t frame, EventPort port
    ) override;
    Answer<Unit> follow_channels(
        const rpc::Uuid& uuid, DomId domid, std::vector<rpc::ChannelConfig> channels
    ) override;
    Answer<std::vector<rpc::ChannelView>> channels(rpc::Uuid uuid) override;
    void close(const rpc::Uuid& uuid, const std::string& reason) override;
    void forget(const rpc::Uuid& uuid) override;
    Answer<std::string> history(rpc::Uuid uuid, std::size_t bytes) override;
    Answer<std::unique_ptr<ConsoleReader>> attach(rpc::Uuid uuid, ConsoleAttach how) override;

  private:
    void fire(EventPort port);
    void turn(Console& console);
    void take_up(Console& console, std::chrono::milliseconds delay);
    void pass_input(Console& console);
    void flush(Console& console);
    boost::asio::awaitable<void> write_log(std::shared_ptr<Console> console);
    boost::asio::awaitable<void> load_log(Console& console, rpc::Uuid uuid, std::string name);
    Outcome<Unit> join(Console& console, DomId domid, EventPort port);
    Answer<std::shared_ptr<Console>> find(rpc::Uuid uuid);

    boost::asio::any_io_executor executor_;
    xen::EventChannels& events_;
    xen::GrantTable& grants_;
    ConsoleOptions options_;
    std::map<rpc::Uuid, std::shared_ptr<Console>> consoles_;
    std::map<EventPort, std::weak_ptr<Console>> ports_;
    boost::asio::posix::stream_descriptor device_;
    Pool pool_{"console-log", 1};
    TaskScope tasks_;
    std::unique_ptr<PvChannels> channels_;
};

} // namespace zocalo::toolstack
