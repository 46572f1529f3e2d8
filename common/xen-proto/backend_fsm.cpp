// SPDX-License-Identifier: Apache-2.0
#include "common/xen-proto/backend_fsm.hpp"

namespace zocalo::xen {
namespace {

using Kind = BackendEventKind;
using Act = BackendActionKind;

// The frontend has written its ring keys. Linux's netfront goes to Connected without Initialised.
bool offers_rings(xenbus_state state)
{
    return state == XenbusStateInitialised || state == XenbusStateConnected;
}

// Initialising again means that a Closed went before it and was overtaken by the next write.
bool lets_go(xenbus_state state)
{
    return state == XenbusStateClosed || state == XenbusStateInitialising;
}

bool wants_to_begin(xenbus_state state)
{
    return state == XenbusStateInitialising || state == XenbusStateInitWait || offers_rings(state);
}

} // namespace

BackendActions BackendFsm::on(const BackendEvent& event)
{
    BackendActions actions;
    if (phase_ == Phase::removed)
        return actions;
    apply(event, actions);
    settle(actions);
    return actions;
}

BackendFsm BackendFsm::adopt(const Found& found, BackendActions& actions)
{
    BackendFsm fsm;
    fsm.own_ = found.own == XenbusStateUnknown ? XenbusStateInitialising : found.own;
    fsm.front_ = found.frontend;
    fsm.let_go_ = lets_go(found.frontend);
    fsm.gone_ = found.frontend == XenbusStateUnknown;
    fsm.online_ = found.online;
    fsm.prepared_ = found.prepared;
    const bool waits = offers_rings(found.frontend) || found.frontend == XenbusStateReconfiguring;
    const bool serves = fsm.own_ == XenbusStateConnected || fsm.own_ == XenbusStateReconfigured;
    if (found.attached)
        fsm.phase_ = Phase::connecting;
    else if (serves && waits)
        fsm.phase_ = Phase::orphaned;
    else if (serves || fsm.own_ == XenbusStateClosing)
        fsm.phase_ = Phase::halted;
    else if (fsm.own_ == XenbusStateClosed)
        fsm.phase_ = Phase::closed;
    else if (fsm.own_ == XenbusStateInitWait)
        fsm.phase_ = Phase::waiting;
    if (found.attached)
        fsm.apply({Kind::connected}, actions);
    else if (fsm.phase_ == Phase::halted)
        fsm.set_own(XenbusStateClosing, actions);
    fsm.settle(actions);
    return fsm;
}

void BackendFsm::apply(const BackendEvent& event, BackendActions& actions)
{
    switch (event.kind) {
    case Kind::prepared:
        prepared_ = true;
        return;
    case Kind::frontend_state:
        front_ = event.state;
        // A node that reads as 0 is a directory that is no longer there.
        gone_ = event.state == XenbusStateUnknown;
        let_go_ = let_go_ || lets_go(event.state);
        return;
    case Kind::frontend_gone:
        front_ = XenbusStateUnknown;
        gone_ = true;
        return;
    case Kind::connected:
        if (phase_ != Phase::connecting)
            return;
        phase_ = Phase::connected;
        if (own_ == XenbusStateInitialising || own_ == XenbusStateInitWait) {
            actions.add({Act::publish_connected});
            set_own(XenbusStateConnected, actions);
        }
        return;
    case Kind::connect_failed:
        if (phase_ != Phase::connecting)
            return;
        actions.add({Act::report_error});
        set_own(XenbusStateClosing, actions);
        phase_ = Phase::halted;
        return;
    case Kind::disconnected:
        if (phase_ == Phase::disconnecting)
            phase_ = Phase::halted;
        return;
    case Kind::failed:
        if (phase_ != Phase::connected && phase_ != Phase::connecting && phase_ != Phase::orphaned)
            return;
        actions.add({Act::report_error});
        set_own(XenbusStateClosing, actions);
        if (phase_ == Phase::orphaned)
            phase_ = Phase::halted;
        return;
    case Kind::backend_lost:
        return lose_backend();
    case Kind::force_detach:
        forced_ = true;
        online_ = false;
        return;
    case Kind::detach:
        online_ = false;
        return;
    }
}

void BackendFsm::lose_backend()
{
    prepared_ = false;
    if (phase_ == Phase::connected || phase_ == Phase::connecting)
        phase_ = Phase::orphaned;
    else if (phase_ == Phase::disconnecting)
        phase_ = Phase::halted;
}

void BackendFsm::settle(BackendActions& actions)
{
    while (step(actions))
        continue;
}

// One transition that the known facts ask for; false when there is none. Each step moves the phase
// forward along the picture in the header, and no cycle of it is possible without a new event.
bool BackendFsm::step(BackendActions& actions)
{
    switch (phase_) {
    case Phase::connecting:
    case Phase::connected:
        return step_attached(actions);
    case Phase::orphaned:
        return step_orphaned(actions);
    case Phase::disconnecting:
    case Phase::removed:
        return false;
    default:
        return step_idle(actions);
    }
}

bool BackendFsm::step_attached(BackendActions& actions)
{
    if (gone_ || forced_ || let_go_) {
        set_own(XenbusStateClosing, actions);
        actions.add({Act::disconnect});
        phase_ = Phase::disconnecting;
        return true;
    }
    // Requests are still served: a frontend that closes flushes first.
    if (front_ == XenbusStateClosing || !online_)
        set_own(XenbusStateClosing, actions);
    // Looked at again when the frontend is done: Linux writes the state before what it changes.
    else if (phase_ == Phase::connected && front_ == XenbusStateReconfiguring)
        reconfigure(XenbusStateConnected, XenbusStateReconfigured, actions);
    else if (phase_ == Phase::connected && front_ == XenbusStateConnected)
        reconfigure(XenbusStateReconfigured, XenbusStateConnected, actions);
    return false;
}

void BackendFsm::reconfigure(xenbus_state from, xenbus_state to, BackendActions& actions)
{
    if (own_ != from)
        return;
    actions.add({Act::reconfigure});
    set_own(to, actions);
}

bool BackendFsm::step_orphaned(BackendActions& actions)
{
    // Nothing is mapped: whatever ends a connection has ended it.
    if (gone_ || forced_ || let_go_) {
        set_own(XenbusStateClosing, actions);
        phase_ = Phase::halted;
        return true;
    }
    // Also while the frontend closes: it flushes first, and waits for the answers.
    if (prepared_) {
        actions.add({Act::resume});
        phase_ = Phase::connecting;
    }
    return false;
}

bool BackendFsm::step_idle(BackendActions& actions)
{
    // After a connection the frontend holds on until it says Closed; before one there is nothing to
    // wait for.
    if (gone_ || forced_ || (!online_ && (phase_ != Phase::halted || let_go_))) {
        set_own(XenbusStateClosed, actions);
        actions.add({Act::remove});
        phase_ = Phase::removed;
        return false;
    }
    if (phase_ == Phase::preparing && prepared_) {
        enter_wait(actions);
        return true;
    }
    if (phase_ == Phase::halted || phase_ == Phase::waiting) {
        const bool starts_over = own_ == XenbusStateClosing && front_ == XenbusStateInitialising;
        if (front_ == XenbusStateClosed || starts_over || (phase_ == Phase::halted && let_go_)) {
            set_own(XenbusStateClosed, actions);
            phase_ = Phase::closed;
            return true;
        }
        if (front_ == XenbusStateClosing)
            set_own(XenbusStateClosing, actions);
    }
    if (phase_ == Phase::waiting && prepared_ && offers_rings(front_) &&
        own_ == XenbusStateInitWait) {
        actions.add({Act::connect});
        let_go_ = false;
        phase_ = Phase::connecting;
        return false;
    }
    if (phase_ == Phase::closed && prepared_ && wants_to_begin(front_)) {
        enter_wait(actions);
        return true;
    }
    return false;
}

void BackendFsm::enter_wait(BackendActions& actions)
{
    actions.add({Act::publish_features});
    set_own(XenbusStateInitWait, actions);
    phase_ = Phase::waiting;
}

void BackendFsm::set_own(xenbus_state state, BackendActions& actions)
{
    if (own_ == state)
        return;
    own_ = state;
    actions.add({Act::set_state, state});
}

const char* name(BackendFsm::Phase phase)
{
    constexpr std::array kNames{
        "preparing",
        "waiting",
        "connecting",
        "connected",
        "disconnecting",
        "orphaned",
        "halted",
        "closed",
        "removed"};
    return kNames[static_cast<std::size_t>(phase)];
}

} // namespace zocalo::xen
