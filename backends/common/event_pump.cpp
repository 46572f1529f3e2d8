// SPDX-License-Identifier: Apache-2.0
#include "backends/common/event_pump.hpp"

#include "backends/common/log.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <algorithm>
#include <map>

namespace zocalo::backend {

namespace asio = boost::asio;

namespace {

struct Line {
    EventPump::Handler handler;
    EventPump::Waits waits;
};

} // namespace

struct EventPump::State : std::enable_shared_from_this<EventPump::State> {
    State(asio::io_context& io, xen::EventChannels& events_)
        : events{&events_}, device{io, events_.fd()}
    {
    }

    xen::EventChannels* events;
    asio::posix::stream_descriptor device; // released, not closed: EventChannels owns it
    std::map<EventPort, std::shared_ptr<Line>> lines;
    Home home;

    void wait()
    {
        device.async_wait(
            asio::posix::stream_descriptor::wait_read,
            [self = shared_from_this()](boost::system::error_code ec) {
                if (ec || self->events == nullptr)
                    return;
                self->serve();
                if (self->events == nullptr)
                    return;
                self->home.look();
                self->wait();
            }
        );
    }

    void serve()
    {
        // Then the loop looks at other things (image completions, the control socket).
        for (std::size_t i = 0; i < xen::EventChannels::kPortsAtOnce && events != nullptr; ++i) {
            auto port = events->pending();
            if (!port) {
                log(Level::error, describe(port.error()));
                return;
            }
            if (!*port)
                return;
            fire(**port);
        }
    }

    void fire(EventPort port)
    {
        const auto found = lines.find(port);
        if (found == lines.end())
            return;                                       // closed meanwhile
        const std::shared_ptr<Line> line = found->second; // it may unbind itself
        line->handler();
        if (events == nullptr || !lines.contains(port))
            return;
        if (auto unmasked = events->unmask(port); !unmasked)
            log(Level::error, describe(unmasked.error()));
    }
};

EventPump::EventPump(
    asio::io_context& io, xen::EventChannels& events, std::function<Poll()> make_poll
)
    : make_poll_{std::move(make_poll)}, state_{std::make_shared<State>(io, events)}
{
    state_->wait();
}

EventPump::~EventPump()
{
    state_->device.release();
    state_->events = nullptr;
    state_->lines.clear();
}

Outcome<EventPort>
EventPump::bind(DomId remote, EventPort remote_port, Handler handler, Waits waits)
{
    const EventPort port = TRY(state_->events->bind_interdomain(remote, remote_port));
    state_->lines[port] = std::make_shared<Line>(Line{std::move(handler), std::move(waits)});
    return port;
}

void EventPump::unbind(EventPort port)
{
    if (state_->lines.erase(port) == 0)
        return;
    if (auto done = state_->events->unbind(port); !done)
        log(Level::warning, describe(done.error()));
}

bool EventPump::others_wait(EventPort port) const
{
    return std::ranges::any_of(state_->lines, [port](const auto& other) {
        return other.first != port && other.second->waits && other.second->waits();
    });
}

void EventPump::settle(unsigned processor)
{
    state_->home.settle(processor);
}

void EventPump::notify(EventPort port)
{
    if (auto done = state_->events->notify(port); !done)
        log(Level::warning, describe(done.error()));
}

} // namespace zocalo::backend
