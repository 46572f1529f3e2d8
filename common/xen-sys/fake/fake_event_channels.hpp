// SPDX-License-Identifier: Apache-2.0
// FakeEventChannels: event channels without Xen, for unit tests. The test raises events and counts
// notifications; fd() is an eventfd, so that a real event loop can wait on it.
#pragma once

#include "common/xen-sys/event_channels.hpp"

#include <map>

namespace zocalo::xen {

class FakeEventChannels final : public EventChannels {
  public:
    FakeEventChannels();

    // The guest kicks: seen through pending() unless the port is masked, then once it is unmasked.
    void raise(EventPort local);
    // How often the guest was notified through the local port.
    unsigned notified(EventPort local) const;
    std::size_t bound() const { return ports_.size(); }
    // The local port joined to a remote one.
    EventPort local_of(EventPort remote) const;

    int fd() const override { return event_.get(); }
    Outcome<EventPort> bind_interdomain(DomId remote, EventPort remote_port) override;
    Outcome<Unit> unbind(EventPort port) override;
    Outcome<Unit> notify(EventPort port) override;
    Outcome<Unit> unmask(EventPort port) override;
    Outcome<std::optional<EventPort>> pending() override;
    Outcome<Unit> restrict_to(DomId domain) override;

  private:
    struct Port {
        DomId domain;
        EventPort remote;
        bool masked = false;
        bool raised = false;
        unsigned notified = 0;
    };
    void refresh();

    UniqueFd event_;
    std::map<EventPort, Port> ports_;
    std::uint32_t next_ = 1;
    std::optional<DomId> restricted_;
};

} // namespace zocalo::xen
