// SPDX-License-Identifier: Apache-2.0
#include "common/xen-sys/event_channels.hpp"

extern "C" { // the header does not say so itself
#include <xenevtchn.h>
}

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace zocalo::xen {
namespace {

class RealEventChannels final : public EventChannels {
  public:
    explicit RealEventChannels(xenevtchn_handle* handle) : handle_{handle} {}
    ~RealEventChannels() override { xenevtchn_close(handle_); }
    RealEventChannels(const RealEventChannels&) = delete;
    RealEventChannels& operator=(const RealEventChannels&) = delete;

    int fd() const override { return xenevtchn_fd(handle_); }

    Outcome<EventPort> bind_interdomain(DomId remote, EventPort remote_port) override
    {
        const int port = xenevtchn_bind_interdomain(handle_, remote.value, remote_port.value);
        if (port < 0)
            return system_error(
                "cannot bind event channel " + std::to_string(remote_port.value) + " of domain " +
                    std::to_string(remote.value),
                errno
            );
        return EventPort{static_cast<std::uint32_t>(port)};
    }

    Outcome<Unit> unbind(EventPort port) override
    {
        return check(xenevtchn_unbind(handle_, port.value), "cannot unbind an event channel");
    }
    Outcome<Unit> notify(EventPort port) override
    {
        return check(xenevtchn_notify(handle_, port.value), "cannot notify an event channel");
    }
    Outcome<Unit> unmask(EventPort port) override
    {
        return check(xenevtchn_unmask(handle_, port.value), "cannot unmask an event channel");
    }

    // As many ports as there are for one system call; fewer than asked for were all of them.
    Outcome<std::optional<EventPort>> pending() override
    {
        if (next_ == read_) {
            if (std::exchange(drained_, false))
                return std::optional<EventPort>{};
            const ssize_t bytes = ::read(fd(), ports_.data(), sizeof ports_);
            if (bytes < 0 && errno != EAGAIN && errno != EINTR)
                return system_error("cannot read the event channel device", errno);
            next_ = 0;
            read_ = bytes > 0 ? static_cast<std::size_t>(bytes) / sizeof ports_[0] : 0;
            if (read_ == 0)
                return std::optional<EventPort>{};
            drained_ = read_ < ports_.size();
        }
        return std::optional{EventPort{ports_[next_++]}};
    }

    Outcome<Unit> restrict_to(DomId domain) override
    {
        return check(
            xenevtchn_restrict(handle_, domain.value), "cannot restrict the event channel device"
        );
    }

  private:
    static Outcome<Unit> check(int result, const char* what)
    {
        if (result < 0)
            return system_error(what, errno);
        return Unit{};
    }
    xenevtchn_handle* handle_;
    std::array<evtchn_port_t, kPortsAtOnce> ports_{};
    std::size_t next_ = 0, read_ = 0; // of those
    bool drained_ = false;            // after them there was none
};

} // namespace

Outcome<std::unique_ptr<EventChannels>> open_event_channels(UniqueFd device)
{
    const int flags = ::fcntl(device.get(), F_GETFL);
    if (flags < 0 || ::fcntl(device.get(), F_SETFL, flags | O_NONBLOCK) < 0 ||
        ::fcntl(device.get(), F_SETFD, FD_CLOEXEC) < 0)
        return system_error("cannot use the event channel device that was handed over", errno);
    xenevtchn_handle* handle = xenevtchn_fdopen(nullptr, device.get(), 0);
    if (handle == nullptr)
        return system_error("cannot use the event channel device that was handed over", errno);
    device.release(); // xenevtchn_close() closes it
    return std::unique_ptr<EventChannels>{std::make_unique<RealEventChannels>(handle)};
}

} // namespace zocalo::xen
