// SPDX-License-Identifier: Apache-2.0
#include "backends/net/queue_pump.hpp"

#include "backends/common/log.hpp"
#include "backends/net/stall_guard.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>

namespace zocalo::net {

namespace asio = boost::asio;

namespace {

// Batches before the loop looks at other queues, cards and the control socket.
constexpr int kBatchesPerTurn = 4;
// How often a guest is looked at that posts buffers without saying so.
constexpr std::chrono::milliseconds kPollSilentGuest{30};

Outcome<xen::BackRing> attach(const xen::GrantMapping& page, std::size_t slot_bytes)
{
    auto ring = xen::BackRing::attach(page.bytes(), slot_bytes);
    if (!ring)
        return Error{Code::failed, "the page of a ring is too small for it", {}};
    return *ring;
}

} // namespace

struct QueuePump::State : std::enable_shared_from_this<QueuePump::State> {
    State(
        const Surroundings& around,
        Tap& tap_,
        const Frontend& frontend_,
        std::array<xen::GrantMapping, 2> pages_,
        std::array<xen::BackRing, 2> rings,
        const Logs& logs,
        Card& card_,
        Broken broken_
    )
        : io{around.io}, events{around.events}, tap{tap_}, frontend{frontend_},
          pages{std::move(pages_)}, tx{rings[0],
                                       frontend_.domain,
                                       around.grants,
                                       around.arena,
                                       tap_,
                                       logs.tx,
                                       frontend_.multicast},
          rx_ring{rings[1], logs.rx, static_cast<std::uint8_t>(card_.queues.size())},
          rx{rx_ring,
             frontend_.domain,
             frontend_.offloads,
             around.grants,
             around.arena,
             tap_,
             frontend_.multicast,
             card_.steering},
          card{card_}, readable{io, tap_.fd()}, timer{io}, tx_rate_timer{io},
          rx_rate_timer{io}, tx_poll{events.poll()}, broken{std::move(broken_)}
    {
        tx.finish_checksums(frontend.finish_checksums);
    }

    asio::io_context& io;
    backend::EventPump& events;
    Tap& tap;
    Frontend frontend;
    std::array<xen::GrantMapping, 2> pages; // tx, rx; the queues' rings lie in them
    TxQueue tx;
    RxRing rx_ring;
    RxQueue rx;
    Card& card;
    asio::posix::stream_descriptor readable; // released, not closed: Tap owns it
    asio::steady_timer timer;
    asio::steady_timer tx_rate_timer, rx_rate_timer;
    StallGuard guard;
    backend::Poll tx_poll;
    Broken broken;
    std::vector<EventPort> ports; // {both} or {tx, rx}
    bool running{true};
    bool rx_waits{};
    bool tx_posted{};
    bool rx_posted{};

    Outcome<Unit>
    begin(const std::array<xen::BackRing, 2>& rings, const backend::Queue& queue, Logs logs);
    Outcome<Unit> bind(const std::vector<EventPort>& remote);
    void join();
    void leave();
    void stop();
    void fail(const std::string& reason);
    void on_event(std::size_t port);
    void room_posted();
    void notify_others(std::uint32_t queues);
    void serve_tx();
    void serve_rx();
    bool held_back(backend::RateLimit& rate, asio::steady_timer& wait, void (State::*then)());
    void rx_moves();
    void watch_tap();
    void watch_guest();
};

// Starts the logs, or takes over what they hold.
Outcome<Unit> QueuePump::State::begin(
    const std::array<xen::BackRing, 2>& rings, const backend::Queue& queue, Logs logs
)
{
    const auto take = [&](std::size_t i, RingLog& log, auto& half) {
        const RingIdentity ring{
            frontend.domain.value, queue.refs[i].value, queue.ports.front().value};
        // Nothing was answered yet: as good as new.
        if (!logs.resume || (!log.in_use() && rings[i].shown() == 0)) {
            log.begin(ring);
            return true;
        }
        const auto found = log.recover(ring, rings[i].shown());
        return found && half.resume(*found);
    };
    if (!take(0, logs.tx, tx) || !take(1, logs.rx, rx_ring))
        return Error{
            Code::failed,
            "what the process before left does not fit the guest's rings",
            "the guest sees the card close"};
    return Unit{};
}

Outcome<Unit> QueuePump::State::bind(const std::vector<EventPort>& remote)
{
    const auto waits = [this] { return running && !card.tx.limited() && tx.pending(); };
    for (std::size_t i = 0; i < remote.size(); ++i)
        ports.push_back(TRY(events.bind(
            frontend.domain, remote[i], [this, i] { on_event(i); }, waits
        )));
    return Unit{};
}

// From now on the other queues can put frames on its ring.
void QueuePump::State::join()
{
    card.queues.push_back(this);
    if (card.steering != nullptr)
        card.steering->add(rx_ring);
}

void QueuePump::State::leave()
{
    std::erase(card.queues, this);
    if (card.steering != nullptr)
        card.steering->remove(rx_ring);
}

void QueuePump::State::stop()
{
    if (!running)
        return;
    running = false;
    for (const EventPort port : ports)
        events.unbind(port);
    readable.release(); // ends its waits
    timer.cancel();
    tx_rate_timer.cancel();
    rx_rate_timer.cancel();
}

void QueuePump::State::fail(const std::string& reason)
{
    stop();
    // Not from within a queue: whoever hears it may want to take this object down.
    asio::post(io, [self = shared_from_this(), reason] {
        if (self->broken)
            self->broken(reason);
    });
}

void QueuePump::State::on_event(std::size_t port)
{
    const bool split = ports.size() == 2;
    if (!split || port == 0)
        serve_tx();
    if (running && (!split || port == 1))
        room_posted();
}

// Its own ring is not only its own: whoever waits for room there goes on.
void QueuePump::State::room_posted()
{
    for (State* queue : card.queues)
        if (queue->running && queue->rx_waits && rx_ring.awaited_by(queue->rx_ring.number()))
            queue->serve_rx();
}

void QueuePump::State::notify_others(std::uint32_t queues)
{
    for (const State* queue : card.queues)
        if (queue->running && (queues >> queue->rx_ring.number() & 1u) != 0)
            events.notify(queue->ports.back());
}

// True when the card's rate is used up; `then` is called once it allows more.
bool QueuePump::State::held_back(
    backend::RateLimit& rate, asio::steady_timer& wait, void (State::*then)()
)
{
    if (rate.ready(backend::TokenBucket::Clock::now()))
        return false;
    wait.expires_after(rate.wait());
    wait.async_wait([self = shared_from_this(), then](boost::system::error_code error) {
        if (!error && self->running)
            ((*self).*then)();
    });
    return true;
}

void QueuePump::State::serve_tx()
{
    const auto more = [this] { return tx.pending(); };
    const auto others = [this] { return events.others_wait(ports.front()); };
    tx_poll.begin();
    for (int batch = 0; batch < kBatchesPerTurn; ++batch) {
        if (card.tx.limited() && held_back(card.tx, tx_rate_timer, &State::serve_tx))
            return;
        const TxStats before = tx.stats();
        const TxQueue::Round round = tx.serve();
        card.tx.take(tx.stats().bytes - before.bytes, tx.stats().packets - before.packets);
        if (round.notify)
            events.notify(ports.front());
        if (round.after == TxQueue::After::broken)
            return fail(tx.fault());
        if (round.after == TxQueue::After::idle && !tx_poll.watch(more, others) && !tx.rearm())
            return;
    }
    if (std::exchange(tx_posted, true))
        return;
    asio::post(io, [self = shared_from_this()] {
        self->tx_posted = false;
        if (self->running)
            self->serve_tx();
    });
}

void QueuePump::State::serve_rx()
{
    for (int batch = 0; batch < kBatchesPerTurn; ++batch) {
        if (card.rx.limited() && held_back(card.rx, rx_rate_timer, &State::serve_rx))
            return;
        const RxStats before = rx.stats();
        const RxQueue::Round round = rx.serve();
        card.rx.take(rx.stats().bytes - before.bytes, rx.stats().packets - before.packets);
        if (round.notify)
            events.notify(ports.back());
        if (round.others != 0)
            notify_others(round.others);
        switch (round.after) {
        case RxQueue::After::idle:
            rx_moves();
            return watch_tap();
        case RxQueue::After::waiting:
            return watch_guest();
        case RxQueue::After::broken:
            return fail(rx.fault());
        case RxQueue::After::tap_lost:
            return fail("the tap device is gone");
        case RxQueue::After::more:
            rx_moves();
        }
    }
    if (std::exchange(rx_posted, true))
        return;
    asio::post(io, [self = shared_from_this()] {
        self->rx_posted = false;
        if (self->running)
            self->serve_rx();
    });
}

void QueuePump::State::rx_moves()
{
    if (!std::exchange(rx_waits, false))
        return;
    timer.cancel();
    if (guard.moving() == StallGuard::Act::recover)
        if (auto done = tap.set_carrier(true); !done)
            backend::log(backend::Level::error, describe(done.error()));
}

void QueuePump::State::watch_tap()
{
    readable.async_wait(
        asio::posix::stream_descriptor::wait_read,
        [self = shared_from_this()](boost::system::error_code error) {
            if (!error && self->running)
                self->serve_rx();
        }
    );
}

void QueuePump::State::watch_guest()
{
    rx_waits = true;
    const auto now = StallGuard::Clock::now();
    switch (guard.waiting(now)) {
    case StallGuard::Act::stall:
        if (auto done = tap.set_carrier(false); !done)
            backend::log(backend::Level::error, describe(done.error()));
        [[fallthrough]];
    case StallGuard::Act::discard:
        rx.discard_waiting();
        break;
    case StallGuard::Act::none:
    case StallGuard::Act::recover:
        break;
    }
    const StallGuard::Clock::duration wait = frontend.rx_notify
                                                 ? StallGuard::Clock::duration{StallGuard::kDrain}
                                                 : StallGuard::Clock::duration{kPollSilentGuest};
    timer.expires_after(wait);
    timer.async_wait([self = shared_from_this()](boost::system::error_code error) {
        if (!error && self->running && self->rx_waits)
            self->serve_rx();
    });
}

Outcome<std::unique_ptr<QueuePump>> QueuePump::connect(
    const Surroundings& around,
    Tap& tap,
    const Frontend& frontend,
    const backend::Queue& queue,
    const Logs& logs,
    Card& card,
    Broken broken
)
{
    if (queue.refs.size() != 2 || queue.ports.empty() || queue.ports.size() > 2)
        return Error{
            Code::usage, "a network queue has two rings and one or two event channels", {}};
    std::array<xen::GrantMapping, 2> pages;
    pages[0] = TRY(around.grants.map(frontend.domain, std::span{queue.refs}.first(1)));
    pages[1] = TRY(around.grants.map(frontend.domain, std::span{queue.refs}.last(1)));
    const std::array rings{
        TRY(attach(pages[0], sizeof(netif_tx_sring_entry))),
        TRY(attach(pages[1], sizeof(netif_rx_sring_entry)))};
    auto state = std::make_shared<State>(
        around, tap, frontend, std::move(pages), rings, logs, card, std::move(broken)
    );
    std::unique_ptr<QueuePump> pump{new QueuePump{state}};
    state->join();
    TRY(state->begin(rings, queue, logs));
    TRY(state->bind(queue.ports));
    if (logs.resume) // the process before may have died between its last answer and the event
        for (const EventPort port : state->ports)
            around.events.notify(port);
    return pump;
}

// What the guest queued before it knew us, and what already waits in the tap.
void QueuePump::start()
{
    state_->serve_tx();
    if (state_->running)
        state_->serve_rx();
}

QueuePump::~QueuePump()
{
    state_->stop();
    state_->leave();
    state_->broken = nullptr;
    state_->pages = {}; // handlers still queued hold the state, but must not hold the guest's pages
}

void QueuePump::set_headroom(std::uint16_t bytes)
{
    state_->rx.set_headroom(bytes);
}

void QueuePump::steer_again()
{
    if (state_->running && state_->rx_waits)
        state_->serve_rx();
}

const TxStats& QueuePump::tx_stats() const
{
    return state_->tx.stats();
}
const RxStats& QueuePump::rx_stats() const
{
    return state_->rx.stats();
}
bool QueuePump::stalled() const
{
    return state_->guard.stalled();
}

} // namespace zocalo::net
