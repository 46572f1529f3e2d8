// SPDX-License-Identifier: Apache-2.0
#include "common/xen-sys/fake/fake_event_channels.hpp"

#include <cerrno>
#include <sys/eventfd.h>

namespace zocalo::xen {
namespace {

Error no_port()
{
    return system_error("no such event channel", EINVAL);
}

} // namespace

FakeEventChannels::FakeEventChannels() : event_{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)} {}

void FakeEventChannels::raise(EventPort local)
{
    const auto found = ports_.find(local);
    if (found != ports_.end())
        found->second.raised = true;
    refresh();
}

unsigned FakeEventChannels::notified(EventPort local) const
{
    const auto found = ports_.find(local);
    return found == ports_.end() ? 0 : found->second.notified;
}

EventPort FakeEventChannels::local_of(EventPort remote) const
{
    for (const auto& [local, port] : ports_)
        if (port.remote == remote)
            return local;
    return {};
}

Outcome<EventPort> FakeEventChannels::bind_interdomain(DomId remote, EventPort remote_port)
{
    if (restricted_ && *restricted_ != remote)
        return system_error("cannot bind an event channel", EACCES);
    const EventPort local{next_++};
    ports_[local] = Port{remote, remote_port};
    return local;
}

Outcome<Unit> FakeEventChannels::unbind(EventPort port)
{
    if (ports_.erase(port) == 0)
        return no_port();
    refresh();
    return Unit{};
}

Outcome<Unit> FakeEventChannels::notify(EventPort port)
{
    const auto found = ports_.find(port);
    if (found == ports_.end())
        return no_port();
    ++found->second.notified;
    return Unit{};
}

Outcome<Unit> FakeEventChannels::unmask(EventPort port)
{
    const auto found = ports_.find(port);
    if (found == ports_.end())
        return no_port();
    found->second.masked = false;
    refresh();
    return Unit{};
}

Outcome<std::optional<EventPort>> FakeEventChannels::pending()
{
    for (auto& [local, port] : ports_) {
        if (!port.raised || port.masked)
            continue;
        port.raised = false;
        port.masked = true;
        refresh();
        return std::optional{local};
    }
    return std::optional<EventPort>{};
}

Outcome<Unit> FakeEventChannels::restrict_to(DomId domain)
{
    restricted_ = domain;
    return Unit{};
}

void FakeEventChannels::refresh()
{
    bool wanted = false;
    for (const auto& [local, port] : ports_)
        wanted = wanted || (port.raised && !port.masked);
    eventfd_t drained = 0;
    ::eventfd_read(event_.get(), &drained);
    if (wanted)
        ::eventfd_write(event_.get(), 1);
}

} // namespace zocalo::xen
