// SPDX-License-Identifier: Apache-2.0
// Console: one domain's console: its history, its log, its readers and its writer, and, while the
// domain lives, the link to its ring. Knows neither xenstore nor domains; pv_consoles feeds it with
// events. Daemon's thread only.
#pragma once

#include "common/xen-sys/event_channels.hpp"
#include "common/xen-sys/grant_table.hpp"
#include "toolstackd/console/console_log.hpp"
#include "toolstackd/console/console_ring.hpp"
#include "toolstackd/console/history.hpp"
#include "toolstackd/console/pace.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <optional>
#include <set>
#include <utility>

namespace zocalo::toolstack {

class Reader;

struct ConsoleOptions {
    std::string log_folder{"/var/log/zocalo/console"};
    std::size_t history_bytes{256 << 10};
    std::size_t input_bytes{64 << 10};     // of input that the guest has not taken yet
    std::size_t unlogged_bytes{256 << 10}; // of output that the disk has not taken yet
    double bytes_per_second{1 << 20};
    double burst_bytes{4 << 20};
    LogLimits log;
};

// A bound event channel, unbound with the object.
class BoundPort {
  public:
    BoundPort(xen::EventChannels& events, EventPort port) : events_{&events}, port_{port} {}
    BoundPort(BoundPort&& other) noexcept
        : events_{std::exchange(other.events_, nullptr)}, port_{other.port_}
    {
    }
    BoundPort& operator=(BoundPort&&) = delete;
    ~BoundPort()
    {
        if (events_ != nullptr)
            static_cast<void>(events_->unbind(port_));
    }
    EventPort port() const { return port_; }

  private:
    xen::EventChannels* events_;
    EventPort port_;
};

// The mapped ring of a living domain and its event channel.
struct ConsoleLink {
    DomId domid;
    EventPort remote;
    BoundPort local;
    xen::GrantMapping page;
};

class Console : public std::enable_shared_from_this<Console> {
  public:
    Console(boost::asio::any_io_executor executor, const ConsoleOptions& how)
        : options{how}, history{how.history_bytes}, pace{how.bytes_per_second, how.burst_bytes},
          resume{executor}, room{executor}
    {
    }

    // From the ring to the history and the unlogged bytes, and from the waiting input to the ring;
    // true when the guest should be told. A lying guest loses its console.
    bool move_output();
    bool move_input();
    void append(std::string_view output);
    // The link is gone: readers end with that reason, what was written stays.
    void end(std::string reason);

    const ConsoleOptions& options;
    History history;
    std::string unlogged;                           // waits for the log
    std::string input;                              // waits for the guest
    std::optional<ConsoleLog> log;                  // none: the disk refused it
    std::optional<ConsoleLink> link;                // none: no living domain
    std::string ended{"the domain is not running"}; // why there is no link
    bool logging{};                                 // the pool has the log now
    std::set<Reader*> readers;
    Reader* writer{};
    Pace pace;
    std::uint64_t total{};            // bytes the guest wrote since the daemon began
    boost::asio::steady_timer resume; // a guest that is too fast is read again then
    boost::asio::steady_timer room;   // cancelled when input was taken

  private:
    void lied();
    void wake_readers();
};

} // namespace zocalo::toolstack
