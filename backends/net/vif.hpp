// SPDX-License-Identifier: Apache-2.0
// Vif: one virtual network card: its tap, what it offers to the guest, and, while a frontend is
// connected, a QueuePump per queue and, if it has a control ring, a ControlPump. It obeys
// NetService and knows neither the control socket nor xenstore; toolstackd reads the frontend's
// keys and writes ours.
#pragma once

#include "backends/net/control_pump.hpp"
#include "backends/net/queue_pump.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <vector>

namespace zocalo::net {

// The offloads a frontend asked for, out of its feature bits, as far as the card has them.
GuestOffloads offloads_of(const backend::AddNic& card, const backend::Connect& request);

class Vif {
  public:
    // From the event loop: this card is served no longer; the process and its other cards go on.
    using Stopped = std::function<void(const std::string& reason)>;

    // `taps`: one descriptor per queue the guest may use.
    static Outcome<std::unique_ptr<Vif>> open(
        const Surroundings& around,
        const backend::AddNic& config,
        std::vector<UniqueFd> taps,
        NetJournal journal,
        Stopped stopped
    );

    backend::Ready ready() const;
    backend::Device describe_device() const;
    backend::Stats stats() const;

    // Nothing stays mapped when it fails. Connecting twice is an error.
    Outcome<Unit> connect(const backend::Connect& request);
    // From now on, in each direction.
    void set_rate(const backend::SetLimits& limits);
    // Of the connection that is there: from the next frame on.
    Outcome<Unit> set_headroom(std::uint16_t bytes);
    // Every packet taken from a ring was answered already, so there is nothing to wait for.
    // `for_good`: nobody will resume.
    void disconnect(bool for_good = true);

  private:
    Vif(const Surroundings& around, const backend::AddNic& config, Stopped stopped)
        : around_{around}, config_{config}, stopped_{std::move(stopped)}
    {
    }
    Outcome<Unit> start(const backend::Connect& request);
    Outcome<Unit> connect_control(const backend::Connect& request);
    void hang_up();
    Outcome<Unit> prepare_taps(const GuestOffloads& offloads, std::size_t queues);
    void stop_for(const std::string& reason);
    void remember_stats();

    Surroundings around_;
    backend::AddNic config_;
    NetJournal journal_;
    MulticastFilter multicast_;
    Steering steering_;
    QueuePump::Card card_;
    GuestOffloads offloads_; // of the connection
    Stopped stopped_;
    std::deque<Tap> taps_; // the queues hold references
    std::vector<std::unique_ptr<QueuePump>> queues_;
    std::unique_ptr<ControlPump> control_;
    backend::DeviceState state_{backend::DeviceState::idle};
    DomId frontend_{};
    TxStats tx_before_; // of connections that ended
    RxStats rx_before_;
};

} // namespace zocalo::net
