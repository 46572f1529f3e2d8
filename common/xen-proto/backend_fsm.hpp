// SPDX-License-Identifier: Apache-2.0
// BackendFsm: the backend's side of the xenbus handshake of one device (xen/io/xenbus.h; the order
// of states as Linux's frontends expect it). toolstackd runs one per device: it feeds in what
// happened (frontend's state node, answers of the backend process, orders of the operator) and
// carries out the returned actions in order. Pure: no xenstore, no process, no clock; deadlines are
// the caller's, who answers one by force_detach. The same machine serves disks and network cards.
//
//   preparing ─prepared→ waiting ─frontend Initialised/Connected→ connecting ─connected→ connected
//      ↑                    ↑                                                              │
//      └ re-prepared        └── frontend Initialising, online ── closed ←─ disconnecting ←─┘
//      frontend
//                                                                                            Closed
//
// A connected frontend may go to Reconfiguring and wait for our Reconfigured (a card's headroom for
// XDP); back in Connected, so are we.
//
// A process that dies while connected leaves the device orphaned: once another has the device, it
// resumes on the same rings, and the frontend sees no state change.
#pragma once

#include <xen/io/xenbus.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace zocalo::xen {

enum class BackendEventKind : std::uint8_t {
    prepared,       // the backend process holds the device and said what to publish
    frontend_state, // the frontend's `state` node has this value now
    frontend_gone,  // the frontend's directory was removed
    connected,      // answer to connect: rings are mapped and served
    connect_failed, // answer to connect: nothing is mapped
    disconnected,   // answer to disconnect: nothing of the frontend is mapped any more
    failed,       // the backend stopped serving (broken ring, lost image), rings are still mapped;
                  // or there will be no other process for an orphaned device
    backend_lost, // the backend process died; nothing is mapped, the device must be prepared again
    detach,       // the operator wants it gone and the frontend asked first (online = 0)
    force_detach, // the operator wants it gone whatever the frontend does
};

struct BackendEvent {
    BackendEventKind kind;
    xenbus_state state{XenbusStateUnknown}; // frontend_state only
};

enum class BackendActionKind : std::uint8_t {
    publish_features,  // write what the backend offers; a set_state(InitWait) follows
    publish_connected, // write what the frontend reads once connected (`sectors`, `sector-size`)
    set_state,         // write our own `state` node
    connect,           // read the frontend's ring keys and tell the backend process to connect
    resume,            // as connect, to go on where a process that died had stopped
    reconfigure,       // read what a connected frontend may change and tell the backend process
    disconnect,        // tell the backend process to drain and unmap; it answers disconnected
    report_error,      // write the `error` node and an event: the device does not work
    remove,            // forget the device: tell the process (if it lives), delete both directories
};

struct BackendAction {
    BackendActionKind kind;
    xenbus_state state{XenbusStateUnknown}; // set_state only
    friend bool operator==(const BackendAction&, const BackendAction&) = default;
};

// What one event asks for, in order.
class BackendActions {
  public:
    static constexpr std::size_t kMost = 12;
    void add(BackendAction action)
    {
        if (count_ < kMost)
            items_[count_++] = action;
    }
    const BackendAction* begin() const { return items_.data(); }
    const BackendAction* end() const { return items_.data() + count_; }
    std::size_t size() const { return count_; }
    bool empty() const { return count_ == 0; }
    const BackendAction& operator[](std::size_t i) const { return items_[i]; }

  private:
    std::array<BackendAction, kMost> items_{};
    std::size_t count_ = 0;
};

class BackendFsm {
  public:
    enum class Phase : std::uint8_t {
        preparing,     // the process does not have the device yet
        waiting,       // features published; the frontend's turn
        connecting,    // the process was told to connect
        connected,     // rings are served (also while either side is Closing)
        disconnecting, // the process was told to disconnect
        orphaned,      // the process died; the frontend waits for answers and knows nothing of it
        halted,        // nothing is mapped, but the frontend still believes in a connection
        closed,        // both sides closed; a new connection may begin while online
        removed,       // the end: the object may go
    };

    // What a restarted daemon finds.
    struct Found {
        xenbus_state own{XenbusStateUnknown};      // our `state` node
        xenbus_state frontend{XenbusStateUnknown}; // the frontend's
        bool online{true};                         // our `online` node
        bool prepared{false};                      // the process lists the device
        bool attached{false};                      // the process says it is connected
    };

    // A new device: our state node is Initialising, and so is the frontend's.
    BackendFsm() = default;
    // Takes over an existing device; `actions` receives what must be put right first.
    static BackendFsm adopt(const Found& found, BackendActions& actions);

    BackendActions on(const BackendEvent& event);

    Phase phase() const { return phase_; }
    xenbus_state own_state() const { return own_; }
    bool online() const { return online_; }

  private:
    void apply(const BackendEvent& event, BackendActions& actions);
    void lose_backend();
    void settle(BackendActions& actions);
    bool step(BackendActions& actions);
    bool step_idle(BackendActions& actions);
    bool step_attached(BackendActions& actions);
    bool step_orphaned(BackendActions& actions);
    void reconfigure(xenbus_state from, xenbus_state to, BackendActions& actions);
    void enter_wait(BackendActions& actions);
    void set_own(xenbus_state state, BackendActions& actions);

    Phase phase_{Phase::preparing};
    xenbus_state own_{XenbusStateInitialising};
    xenbus_state front_{XenbusStateInitialising};
    bool online_{true};
    bool prepared_{false};
    bool gone_{false};
    bool let_go_{false}; // the frontend closed, or began anew, since the last connect
    bool forced_{false};
};

const char* name(BackendFsm::Phase phase);

} // namespace zocalo::xen
