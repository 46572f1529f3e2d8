// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/console/pv_channels.hpp"

#include "toolstackd/console/event_loop.hpp"
#include "toolstackd/sys/log.hpp"
#include "toolstackd/xenstore/node_value.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <xen/io/xenbus.h>

#include <limits>

namespace zocalo::toolstack {

namespace asio = boost::asio;

namespace {

// What a guest wrote as a grant reference or a port, or nothing.
std::optional<std::uint32_t> reference(const std::optional<std::string>& text)
{
    const std::int64_t n = node_number(text);
    if (n < 0 || n > std::numeric_limits<std::uint32_t>::max())
        return std::nullopt;
    return static_cast<std::uint32_t>(n);
}

} // namespace

PvChannels::PvChannels(
    asio::any_io_executor executor,
    Store& store,
    xen::EventChannels& events,
    xen::GrantTable& grants
)
    : executor_{executor}, store_{store}, events_{events}, grants_{grants}, device_{executor},
      tasks_{executor}
{
}

PvChannels::~PvChannels()
{
    if (device_.is_open())
        device_.release(); // EventChannels owns it
}

void PvChannels::start()
{
    device_.assign(events_.fd());
    tasks_.spawn("channel events", serve_events(device_, events_, [this](EventPort port) {
                     fire(port);
                 }));
}

asio::awaitable<void> PvChannels::stop()
{
    domains_.clear();
    co_await tasks_.finish();
}

void PvChannels::fire(EventPort port)
{
    const auto found = ports_.find(port);
    const auto channel = found != ports_.end() ? found->second.lock() : nullptr;
    // Else an event that was queued when its port was unbound.
    if (channel && channel->link() && channel->link()->local.port() == port)
        channel->turn();
}

Answer<Unit>
PvChannels::follow(const rpc::Uuid& uuid, DomId domid, std::vector<rpc::ChannelConfig> channels)
{
    auto& sessions = domains_[uuid];
    if (!sessions.empty() && sessions.front()->domid == domid)
        co_return Unit{};
    sessions.clear();
    std::vector<Shared> made;
    for (const rpc::ChannelConfig& config : channels) {
        auto channel = Channel::open(executor_, events_, config);
        if (!channel)
            co_return channel.error();
        auto session = std::make_shared<Session>();
        session->uuid = uuid;
        session->domid = domid;
        session->config = config;
        session->paths = channel_paths(domid, config.devid.value_or(1));
        session->channel = std::move(*channel);
        made.push_back(std::move(session));
    }
    sessions = made;
    for (const Shared& session : made) {
        const std::weak_ptr<Session> weak = session;
        // The first call is xenstored's own, for the state as it is.
        session->watch =
            store_.watch(session->paths.frontend + "/state", [this, weak](const std::string&) {
                if (const auto alive = weak.lock())
                    kick(alive);
            });
    }
    co_return Unit{};
}

// However often a guest changes its state, one look is under way and at most one more is due.
void PvChannels::kick(const Shared& session)
{
    session->again = true;
    if (std::exchange(session->working, true))
        return;
    tasks_.spawn("channel", work(session));
}

asio::awaitable<void> PvChannels::work(Shared session)
{
    while (std::exchange(session->again, false)) {
        const auto done = co_await settle(session);
        if (!done && done.error().code != Code::conflict) // conflict: the domain has gone
            log_warning("channel " + session->config.name + ": " + describe(done.error()));
    }
    session->working = false;
}

Answer<Unit> PvChannels::settle(const Shared& session)
{
    auto state = co_await store_.read(session->paths.frontend + "/state");
    if (!state)
        co_return state.error();
    switch (channel_step(*state)) {
    case ChannelStep::join:
        if (!session->channel->link())
            co_return co_await join(session);
        co_return co_await publish(session, XenbusStateConnected);
    case ChannelStep::close:
        session->channel->leave();
        co_return co_await publish(session, XenbusStateClosed);
    case ChannelStep::wait:
        break;
    }
    session->channel->leave();
    if (!*state)
        co_return Unit{};
    co_return co_await publish(session, XenbusStateInitWait);
}

Answer<Unit> PvChannels::join(const Shared& session)
{
    const auto pause = session->joins.take(1, Pace::Clock::now());
    if (pause.count() > 0) {
        asio::steady_timer timer{executor_};
        timer.expires_after(pause);
        co_await timer.async_wait(asio::use_awaitable);
    }
    auto ring = co_await store_.read(session->paths.frontend + "/ring-ref");
    if (!ring)
        co_return ring.error();
    auto remote = co_await store_.read(session->paths.frontend + "/port");
    if (!remote)
        co_return remote.error();
    const auto ref = reference(*ring);
    const auto port = reference(*remote);
    if (!ref || !port)
        co_return Error{Code::failed, "the guest's ring-ref or port is no number", {}};
    const std::array refs{GrantRef{*ref}};
    auto page = grants_.map(session->domid, refs);
    if (!page)
        co_return page.error();
    auto bound = events_.bind_interdomain(session->domid, EventPort{*port});
    if (!bound)
        co_return bound.error();
    std::erase_if(ports_, [](const auto& entry) { return entry.second.expired(); });
    ports_[*bound] = session->channel;
    session->channel->join(ConsoleLink{
        session->domid, EventPort{*port}, BoundPort{events_, *bound}, std::move(*page)});
    co_return co_await publish(session, XenbusStateConnected);
}

// A write to the path of a domain that has gone would make it again.
StoreGuard PvChannels::owner_guard(const Session& session) const
{
    return {
        .path = "/local/domain/" + std::to_string(session.domid.value) + "/vm",
        .value = "/vm/" + rpc::text(session.uuid)};
}

Answer<Unit> PvChannels::publish(const Shared& session, int state)
{
    if (session->published == state)
        co_return Unit{};
    std::vector<StoreChange> changes;
    // Where the terminal is, for whoever looks with xl's tools; it is another one after a restart.
    if (session->published == 0 && session->config.connection == "pty")
        changes.push_back(
            {StoreChange::Kind::write,
             session->paths.frontend + "/tty",
             session->channel->path(),
             {}}
        );
    changes.push_back(
        {StoreChange::Kind::write, session->paths.backend + "/state", std::to_string(state), {}}
    );
    std::vector<StoreGuard> guards{owner_guard(*session)};
    auto written = co_await store_.commit(std::move(changes), std::move(guards));
    if (written)
        session->published = state;
    co_return written;
}

Answer<std::vector<rpc::ChannelView>> PvChannels::views(rpc::Uuid uuid)
{
    std::vector<rpc::ChannelView> views;
    const auto found = domains_.find(uuid);
    const auto sessions = found != domains_.end() ? found->second : std::vector<Shared>{};
    for (const Shared& session : sessions) {
        rpc::ChannelView view;
        view.devid = session->config.devid.value_or(0);
        view.name = session->config.name;
        view.connection = session->config.connection;
        view.path = session->channel->path();
        view.backend_path = session->paths.backend;
        auto state = co_await store_.read(session->paths.frontend + "/state");
        if (!state)
            co_return state.error();
        view.frontend_state = state_word(*state);
        auto ring = co_await store_.read(session->paths.frontend + "/ring-ref");
        auto port = co_await store_.read(session->paths.frontend + "/port");
        if (ring)
            view.ring_ref = node_number(*ring, view.ring_ref);
        if (port)
            view.event_channel = node_number(*port, view.event_channel);
        views.push_back(std::move(view));
    }
    co_return views;
}

} // namespace zocalo::toolstack
