// SPDX-License-Identifier: Apache-2.0
// EventChannels: one open event channel device (/dev/xen/evtchn) as backends use it. An interface,
// so that queue logic runs in tests against fake/; open_event_channels() gives the real one. It
// knows no Asio: the owner waits for fd() to become readable and then asks pending().
//
// A port that pending() returned stays masked until unmask(): that is the brake on event storms
// (XSA-332). Unmask after the work is done, not before.
#pragma once

#include "common/base/address.hpp"
#include "common/error/error.hpp"
#include "common/posix/unique_fd.hpp"

#include <cstddef>
#include <memory>
#include <optional>

namespace zocalo::xen {

class EventChannels {
  public:
    virtual ~EventChannels() = default;

    // Readable while pending() has something to say.
    virtual int fd() const = 0;
    // A local port joined to the remote one (EVTCHNOP_bind_interdomain).
    virtual Outcome<EventPort> bind_interdomain(DomId remote, EventPort remote_port) = 0;
    virtual Outcome<Unit> unbind(EventPort port) = 0;
    virtual Outcome<Unit> notify(EventPort port) = 0;
    virtual Outcome<Unit> unmask(EventPort port) = 0;
    // What pending() may have read ahead.
    static constexpr std::size_t kPortsAtOnce = 16;
    // The next port with an event, now masked; nothing when there is none. Never blocks. Ask until
    // it says nothing, or kPortsAtOnce times: some may have been read that fd() no longer shows.
    virtual Outcome<std::optional<EventPort>> pending() = 0;
    // From now on only ports of `domain` can be bound; there is no way back.
    virtual Outcome<Unit> restrict_to(DomId domain) = 0;
};

// Takes over an open /dev/xen/evtchn and makes it non-blocking.
Outcome<std::unique_ptr<EventChannels>> open_event_channels(UniqueFd device);

} // namespace zocalo::xen
