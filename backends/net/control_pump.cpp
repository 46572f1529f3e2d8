// SPDX-License-Identifier: Apache-2.0
#include "backends/net/control_pump.hpp"

#include "backends/common/log.hpp"

#include <boost/asio/post.hpp>

#include <array>

namespace zocalo::net {

namespace asio = boost::asio;

struct ControlPump::State : std::enable_shared_from_this<ControlPump::State> {
    State(
        asio::io_context& io_,
        backend::EventPump& events_,
        xen::GrantMapping page_,
        ControlQueue queue_,
        Heard heard_
    )
        : io{io_}, events{events_}, page{std::move(page_)}, queue{queue_}, heard{std::move(heard_)}
    {
    }

    asio::io_context& io;
    backend::EventPump& events;
    xen::GrantMapping page; // the queue's ring lies in it
    ControlQueue queue;
    Heard heard;
    EventPort port;
    bool running{};
    bool posted{};

    Outcome<Unit> bind(DomId guest, EventPort remote);
    void stop();
    void serve();
    // Not from within the ring's turn: whoever hears it may want to take this object down.
    template <class Call> void later(Call call)
    {
        asio::post(io, [self = shared_from_this(), call] { call(*self); });
    }
};

Outcome<Unit> ControlPump::State::bind(DomId guest, EventPort remote)
{
    port = TRY(events.bind(guest, remote, [this] { serve(); }));
    running = true;
    return Unit{};
}

void ControlPump::State::stop()
{
    if (std::exchange(running, false))
        events.unbind(port);
}

void ControlPump::State::serve()
{
    const ControlQueue::Round round = queue.serve();
    if (round.notify)
        events.notify(port);
    if (round.after == ControlQueue::After::broken) {
        stop();
        return later([](State& self) {
            if (const auto broken = self.heard.broken) // which may take it from us
                broken(self.queue.fault());
        });
    }
    if (round.after == ControlQueue::After::more && !std::exchange(posted, true))
        later([](State& self) {
            self.posted = false;
            if (self.running)
                self.serve();
        });
    if (round.changed)
        heard.changed();
}

Outcome<std::unique_ptr<ControlPump>> ControlPump::connect(
    asio::io_context& io,
    backend::EventPump& events,
    xen::GrantTable& grants,
    DomId guest,
    const backend::ControlRing& ring,
    HashSettings& settings,
    HashLog log,
    bool resume,
    Heard heard
)
{
    auto page = TRY(grants.map(guest, std::array{ring.ref}));
    const auto attached = xen::BackRing::attach(page.bytes(), kControlSlot);
    if (!attached)
        return Error{Code::failed, "the page of a ring is too small for it", {}};
    ControlQueue queue{*attached, guest, grants, settings, log};
    const RingIdentity identity{guest.value, ring.ref.value, ring.port.value};
    const auto kept = resume ? log.recover(identity) : std::nullopt;
    if (resume)
        queue.resume();
    // What no guest could have set is as good as nothing: frames go as without hashes.
    if (!kept || !settings.restore(*kept)) {
        if (resume && attached->shown() != 0)
            backend::log(backend::Level::warning, "the guest's hash settings were not found");
        log.begin(identity);
    }
    auto state = std::make_shared<State>(io, events, std::move(page), queue, std::move(heard));
    std::unique_ptr<ControlPump> pump{new ControlPump{state}};
    TRY(state->bind(guest, ring.port));
    if (resume) // the process before may have died between its last answer and the event
        events.notify(state->port);
    return pump;
}

// What the guest asked before it knew us.
void ControlPump::start()
{
    if (state_->running)
        state_->serve();
}

ControlPump::~ControlPump()
{
    state_->stop();
    state_->heard = {};
    state_->page = {}; // handlers still queued hold the state, but must not hold the guest's page
}

} // namespace zocalo::net
