// SPDX-License-Identifier: Apache-2.0
// Session: the daemon's side of one device: watches the frontend's state, feeds BackendFsm and
// carries out its actions one after another, in xenstore and in the backend process. It never makes
// nodes of a device that has gone: every write is guarded. One thread; lives as long as somebody
// holds it or it has work.
#pragma once

#include "common/xen-proto/backend_fsm.hpp"
#include "toolstackd/device/alarm.hpp"
#include "toolstackd/device/backend.hpp"
#include "toolstackd/device/nodes.hpp"
#include "toolstackd/sys/answer.hpp"
#include "toolstackd/xenstore/store.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace zocalo::toolstack {

class Session : public std::enable_shared_from_this<Session> {
  public:
    using Notice = std::function<void(const std::string& kind, const std::string& text)>;

    Session(
        boost::asio::any_io_executor executor,
        Store& store,
        std::shared_ptr<Backend> backend,
        DeviceOwner owner,
        DeviceConfig config,
        Notice notice
    );

    // Takes the device as xenstore and the backend process show it, and follows the frontend.
    Answer<Unit> begin();
    // Answers when connected; Code::timeout; the reason when it failed or was removed.
    Answer<Unit> wait_connected(std::chrono::milliseconds limit);
    // online=0, then the handshake until the device is removed.
    Answer<Unit> detach(bool force, std::chrono::milliseconds limit);
    // Nothing more is read, written or called.
    void stop();

    // The process has the device again (after backend_lost), or has lost it, or serves it no more.
    void prepared() { push({xen::BackendEventKind::prepared}); }
    void backend_lost(const std::string& why);
    // No other process will take its place.
    void backend_gone(const std::string& why);
    void stopped(const std::string& why);
    // New values of what is written when connected.
    void changed();

    const DeviceOwner& owner() const { return owner_; }
    // What the next process is told, too.
    void keep_limits(const rpc::LimitConfig& limits);
    void keep_disk(const rpc::DiskConfig& disk) { config_ = disk; }

    const std::shared_ptr<Backend>& backend() const { return backend_; }
    const DeviceConfig& config() const { return config_; }
    const DevicePaths& paths() const { return paths_; }
    bool removed() const { return fsm_.phase() == xen::BackendFsm::Phase::removed; }

  private:
    void push(xen::BackendEvent event);
    void kick();
    boost::asio::awaitable<void> work();
    Answer<Unit> carry_out(xen::BackendActions actions);
    Answer<Unit> flush(std::vector<StoreChange>& changes);
    Answer<Unit> connect(bool resume);
    Answer<Unit> disconnect();
    Answer<Unit> reconfigure();
    boost::asio::awaitable<void> look_at_frontend();
    xenbus_state forgotten();
    boost::asio::awaitable<void> calm_down();
    boost::asio::awaitable<void> pause(std::chrono::milliseconds time);
    void add_nodes(std::vector<StoreChange>& changes, const std::vector<backend::Node>& nodes);
    void add(std::vector<StoreChange>& changes, const std::string& key, std::string value);

    boost::asio::any_io_executor executor_;
    Store& store_;
    std::shared_ptr<Backend> backend_;
    DeviceOwner owner_;
    DeviceConfig config_;
    DeviceKey key_;
    DevicePaths paths_;
    Notice notice_;
    xen::BackendFsm fsm_;
    Store::Watch watch_;
    std::deque<xen::BackendEvent> events_;
    std::deque<Alarm::Clock::time_point> connects_; // of late, to slow down a guest that toggles
    std::optional<std::uint16_t> headroom_;         // of a card, as the process was told last by us
    bool reconfigured_ = false; // our state is, or was, Reconfigured since it was Connected
    std::string failure_;
    std::string lost_; // why the process before is no more
    Alarm alarm_;
    bool rewrite_ = false;
    bool gone_ = false; // removed from the process, too
    bool working_ = false;
    bool stopped_ = false;
    bool forgotten_ = false; // xenstored began anew and knows nothing of the device
};

} // namespace zocalo::toolstack
