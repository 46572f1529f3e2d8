// SPDX-License-Identifier: Apache-2.0
// Channel: one PV channel (a console ring that the guest grants, docs/misc/channel.txt of Xen)
// joined to what stands for it in dom0: a Unix socket with one client at a time, or a terminal.
// Bytes that the other side does not take wait here, up to a bound, and then whoever sends them
// waits. Knows neither xenstore nor domains; pv_channels joins rings and brings events. Daemon's
// thread only.
#pragma once

#include "common/rpc/domain_config.hpp"
#include "toolstackd/console/console.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <array>
#include <memory>
#include <optional>
#include <string>

namespace zocalo::toolstack {

class Channel : public std::enable_shared_from_this<Channel> {
  public:
    // What waits in either direction before its sender has to.
    static constexpr std::size_t kMostWaiting = 64 << 10;

    // Makes the socket or the terminal. A socket that an earlier daemon left is replaced;
    // Code::conflict when something else is in its place.
    static Outcome<std::shared_ptr<Channel>> open(
        boost::asio::any_io_executor executor,
        xen::EventChannels& events,
        const rpc::ChannelConfig& config
    );
    ~Channel();
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    // From now on bytes pass between that ring and the client.
    void join(ConsoleLink link);
    // The ring is gone; what the guest said stays for the client.
    void leave() { link_.reset(); }
    // The guest's event, or there is room again: moves what there is, one ring at most.
    void turn();

    const std::optional<ConsoleLink>& link() const { return link_; }
    // Where a person finds it: the socket, or the terminal's path.
    const std::string& path() const { return path_; }

  private:
    Channel(boost::asio::any_io_executor executor, xen::EventChannels& events);
    Outcome<Unit> listen(const std::string& path);
    Outcome<Unit> open_terminal();
    void accept();
    void read_client();
    void write_client();
    void drop_client();
    void rest(std::chrono::milliseconds delay);

    xen::EventChannels& events_;
    std::optional<ConsoleLink> link_;
    std::string path_;
    bool is_socket_{};
    UniqueFd terminal_; // its guest's end, open so that the daemon's end never sees a hang-up
    boost::asio::local::stream_protocol::acceptor acceptor_;
    boost::asio::posix::stream_descriptor client_;
    std::uint64_t client_number_{}; // of the client that a finished transfer belongs to
    std::string to_client_, to_guest_;
    std::array<char, 4096> typed_{};
    bool reading_{}, writing_{}, resting_{};
    bool held_{}; // the guest's event is kept masked until there is room
    Pace pace_;
    boost::asio::steady_timer rest_;
};

} // namespace zocalo::toolstack
