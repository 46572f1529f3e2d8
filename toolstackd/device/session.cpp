// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/device/session.hpp"

#include "toolstackd/sys/failpoint.hpp"
#include "toolstackd/sys/log.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <utility>

namespace zocalo::toolstack {
namespace asio = boost::asio;
namespace {

using Act = xen::BackendActionKind;
using Happened = xen::BackendEventKind;
using Phase = xen::BackendFsm::Phase;
using Kind = StoreChange::Kind;

std::optional<xenbus_state> state_of(const std::optional<std::string>& value)
{
    if (!value)
        return std::nullopt;
    if (value->size() != 1 || (*value)[0] < '0' || (*value)[0] > '8')
        return XenbusStateUnknown;
    return static_cast<xenbus_state>((*value)[0] - '0');
}

} // namespace

Session::Session(
    asio::any_io_executor executor,
    Store& store,
    std::shared_ptr<Backend> backend,
    DeviceOwner owner,
    DeviceConfig config,
    Notice notice
)
    : executor_(executor), store_(store), backend_(std::move(backend)), owner_(std::move(owner)),
      config_(std::move(config)), key_(key_of(config_)), paths_(device_paths(owner_.domid, key_)),
      notice_(std::move(notice)), alarm_(executor)
{
}

Answer<Unit> Session::begin()
{
    const auto self = shared_from_this();
    auto own = co_await store_.read(paths_.backend + "/state");
    if (!own)
        co_return own.error();
    auto front = co_await store_.read(paths_.frontend + "/state");
    if (!front)
        co_return front.error();
    auto online = co_await store_.read(paths_.backend + "/online");
    if (!online)
        co_return online.error();
    const backend::Device* device = backend_->device(key_.devid);
    xen::BackendFsm::Found found;
    found.own = state_of(*own).value_or(XenbusStateUnknown);
    found.frontend = state_of(*front).value_or(XenbusStateUnknown);
    found.online = *online != "0";
    found.prepared = device != nullptr;
    found.attached = device != nullptr && device->state != backend::DeviceState::idle;
    if (found.attached && !*own && !*front)
        found.own = found.frontend = forgotten();
    reconfigured_ = found.own == XenbusStateReconfigured;
    xen::BackendActions actions;
    fsm_ = xen::BackendFsm::adopt(found, actions);
    working_ = true;
    auto done = co_await carry_out(actions);
    working_ = false;
    if (!done)
        co_return done;
    watch_ =
        store_.watch(paths_.frontend + "/state", [weak = weak_from_this()](const std::string&) {
            if (const auto session = weak.lock())
                session->push({Happened::frontend_state});
        });
    kick();
    co_return Unit{};
}

Answer<Unit> Session::wait_connected(std::chrono::milliseconds limit)
{
    const auto self = shared_from_this();
    const auto until = Alarm::Clock::now() + limit;
    while (true) {
        if (fsm_.phase() == Phase::connected && fsm_.own_state() == XenbusStateConnected)
            co_return Unit{};
        if (removed() || stopped_)
            co_return Error{Code::conflict, "the device was removed meanwhile", {}};
        if (!failure_.empty())
            co_return Error{Code::failed, failure_, "see the domain's events and console"};
        if (Alarm::Clock::now() >= until)
            co_return Error{
                Code::timeout,
                device_name(owner_.domid, config_) +
                    ": the guest's driver did not connect within " +
                    std::to_string(limit.count() / 1000) + " s",
                "does the guest have a driver for it, and does it run?"};
        co_await alarm_.wait(until);
    }
}

Answer<Unit> Session::detach(bool force, std::chrono::milliseconds limit)
{
    const auto self = shared_from_this();
    const auto until = Alarm::Clock::now() + limit;
    std::vector<StoreChange> offline;
    add(offline, "online", "0");
    auto written = co_await flush(offline);
    if (!written && written.error().code != Code::conflict)
        co_return written;
    push({force ? Happened::force_detach : Happened::detach});
    while (!gone_ && !stopped_) {
        if (Alarm::Clock::now() >= until)
            co_return Error{
                Code::timeout,
                device_name(owner_.domid, config_) + ": the guest did not let go of it within " +
                    std::to_string(limit.count() / 1000) + " s",
                "unmount it in the guest, or detach with --force"};
        co_await alarm_.wait(until);
    }
    co_return Unit{};
}

void Session::stop()
{
    stopped_ = true;
    watch_.reset();
    events_.clear();
    alarm_.ring();
}

void Session::backend_lost(const std::string& why)
{
    lost_ = why;
    push({Happened::backend_lost});
}

void Session::backend_gone(const std::string& why)
{
    failure_ = "the backend process died: " + why;
    push({Happened::failed});
}

void Session::stopped(const std::string& why)
{
    failure_ = why;
    push({Happened::failed});
}

void Session::changed()
{
    rewrite_ = true;
    push({Happened::prepared});
}

void Session::keep_limits(const rpc::LimitConfig& limits)
{
    std::visit([&limits](auto& config) { config.limits = limits; }, config_);
}

void Session::push(xen::BackendEvent event)
{
    if (stopped_ || removed())
        return;
    // The frontend's state is read when its turn comes: one entry stands for any number of changes.
    if (event.kind != Happened::frontend_state || events_.empty() ||
        events_.back().kind != Happened::frontend_state)
        events_.push_back(event);
    kick();
}

void Session::kick()
{
    if (events_.empty() || std::exchange(working_, true))
        return;
    asio::co_spawn(
        executor_,
        [](std::shared_ptr<Session> self) { return self->work(); }(shared_from_this()),
        asio::detached
    );
}

asio::awaitable<void> Session::work()
{
    const auto self = shared_from_this();
    while (!events_.empty() && !stopped_ && !removed()) {
        const xen::BackendEvent event = events_.front();
        events_.pop_front();
        if (event.kind == Happened::frontend_state) {
            co_await look_at_frontend();
            continue;
        }
        const xen::BackendActions actions = fsm_.on(event);
        if (auto done = co_await carry_out(actions); !done)
            log_warning("device " + paths_.backend + ": " + describe(done.error()));
        alarm_.ring();
    }
    working_ = false;
    alarm_.ring();
}

asio::awaitable<void> Session::look_at_frontend()
{
    auto value = co_await store_.read(paths_.frontend + "/state");
    if (!value)
        co_return; // xenstored is away: the watch fires again when it is back
    if (!*value) {
        auto own = co_await store_.read(paths_.backend + "/state");
        if (!own)
            co_return;
        if (!*own) {
            forgotten();
            co_return;
        }
    }
    const auto state = state_of(*value);
    const xen::BackendEvent event{
        state ? Happened::frontend_state : Happened::frontend_gone,
        state.value_or(XenbusStateUnknown)};
    const xen::BackendActions actions = fsm_.on(event);
    if (auto done = co_await carry_out(actions); !done)
        log_warning("device " + paths_.backend + ": " + describe(done.error()));
    alarm_.ring();
}

// Neither end has nodes: not the guest did that, but a xenstored that began anew. What it connected
// works without them, and is not taken away for it.
xenbus_state Session::forgotten()
{
    if (!std::exchange(forgotten_, true))
        notice_(
            "device.failed",
            device_name(owner_.domid, config_) +
                ": xenstore has lost its nodes; it is served as it was connected"
        );
    return XenbusStateConnected;
}

Answer<Unit> Session::carry_out(xen::BackendActions actions)
{
    std::vector<StoreChange> changes;
    const backend::Device* device = backend_->device(key_.devid);
    if (std::exchange(rewrite_, false) && device != nullptr) {
        add_nodes(changes, device->connected);
        // Frontends look at the size again when the state is written, though it is the same.
        if (fsm_.own_state() == XenbusStateConnected)
            add(changes, "state", std::to_string(XenbusStateConnected));
    }
    Outcome<Unit> result = Unit{};
    for (const xen::BackendAction& action : actions) {
        device = backend_->device(key_.devid);
        switch (action.kind) {
        case Act::publish_features:
            if (device != nullptr)
                add_nodes(changes, device->features);
            continue;
        case Act::publish_connected:
            if (device != nullptr)
                add_nodes(changes, device->connected);
            continue;
        case Act::set_state:
            add(changes, "state", std::to_string(action.state));
            if (action.state == XenbusStateReconfigured)
                reconfigured_ = true;
            if (action.state == XenbusStateConnected && !std::exchange(reconfigured_, false)) {
                failure_.clear();
                notice_("device.connected", device_name(owner_.domid, config_));
            }
            continue;
        case Act::report_error:
            add(changes, "error", failure_);
            notice_("device.failed", failure_);
            continue;
        default:
            break;
        }
        // What follows must be seen after what was written before.
        if (auto written = co_await flush(changes); !written)
            result = written;
        if (action.kind == Act::connect || action.kind == Act::resume)
            result = co_await connect(action.kind == Act::resume);
        else if (action.kind == Act::disconnect)
            result = co_await disconnect();
        else if (action.kind == Act::reconfigure)
            result = co_await reconfigure();
        else if (action.kind == Act::remove) {
            result = co_await backend_->remove_device(key_.devid);
            watch_.reset();
            gone_ = true;
        }
    }
    if (auto written = co_await flush(changes); !written)
        result = written;
    co_return result;
}

// The guard keeps nodes of a removed device from coming back.
Answer<Unit> Session::flush(std::vector<StoreChange>& changes)
{
    if (changes.empty())
        co_return Unit{};
    std::vector<StoreGuard> guards{{paths_.backend + "/frontend", paths_.frontend, false}};
    std::vector<StoreChange> batch = std::exchange(changes, {});
    failpoint("device.nodes:before");
    auto written = co_await store_.commit(std::move(batch), std::move(guards));
    failpoint("device.nodes:after");
    co_return written;
}

void Session::add_nodes(std::vector<StoreChange>& changes, const std::vector<backend::Node>& nodes)
{
    for (const backend::Node& node : nodes)
        add(changes, node.key, node.value);
}

void Session::add(std::vector<StoreChange>& changes, const std::string& key, std::string value)
{
    changes.push_back({Kind::write, paths_.backend + "/" + key, std::move(value), {}});
}

} // namespace zocalo::toolstack
