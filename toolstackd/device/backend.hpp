// SPDX-License-Identifier: Apache-2.0
// Backend: the backend process of one domain and kind, as the daemon holds it: starts it or finds
// it again, keeps the connection, knows which devices it has. When the connection ends while the
// process lives on, it connects again and nobody notices; when the process died, `on_lost` is
// called. One thread.
#pragma once

#include "common/backend-ctl/client.hpp"
#include "toolstackd/device/launcher.hpp"
#include "toolstackd/sys/answer.hpp"
#include "toolstackd/sys/pool.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <map>
#include <memory>

namespace zocalo::toolstack {

class Backend : public std::enable_shared_from_this<Backend> {
  public:
    struct Handlers {
        std::function<void(const backend::Event&)> on_event;
        std::function<void(const std::string& why)> on_lost;
    };

    Backend(
        boost::asio::any_io_executor executor,
        std::shared_ptr<BackendLauncher> launcher,
        Pool& pool,
        rpc::Uuid uuid,
        DeviceKind kind,
        DomId domid
    );

    void set_handlers(Handlers handlers) { handlers_ = std::move(handlers); }
    bool connected() const { return client_ != nullptr; }
    DeviceKind kind() const { return kind_; }

    // Connected afterwards: to the process that is there, else, if `may_start`, to a new one.
    // Code::unreachable when there is none and none may be started.
    Answer<Unit> open(bool may_start);
    // Starts the process if there is none, without waiting until it answers: open() does. Several
    // backends come up beside one another this way.
    Answer<Unit> summon();
    // Devices the process has, as of the last open() and add/remove since.
    const backend::Device* device(backend::DeviceId id) const;

    // `files`: the image and its journal.
    Answer<backend::Ready> add_disk(backend::AddDisk disk, std::vector<UniqueFd> files);
    Answer<backend::Ready> add_nic(backend::AddNic nic, std::vector<UniqueFd> taps);
    Answer<Unit> connect_device(backend::Connect request);
    Answer<Unit> disconnect_device(backend::DeviceId id, std::chrono::milliseconds limit);
    Answer<Unit> remove_device(backend::DeviceId id);
    Answer<Unit> set_limits(backend::DeviceId id, const rpc::LimitConfig& limits);
    Answer<Unit> measure_disk(backend::DeviceId id);
    Answer<Unit> change_medium(backend::DeviceId id, std::vector<UniqueFd> image);
    Answer<Unit> set_headroom(backend::DeviceId id, std::uint16_t bytes);
    Answer<backend::Stats> stats(backend::DeviceId id);
    // Ends the process, politely first; on_lost is not called.
    Answer<Unit> end();

  private:
    Answer<Unit> start();
    Answer<Unit> attach();
    boost::asio::awaitable<void> settle(const backend::Connect& connected);
    void take(backend::Ready ready);
    void hear(const backend::Event& event);
    void closed();
    boost::asio::awaitable<void> recover();

    boost::asio::any_io_executor executor_;
    std::shared_ptr<BackendLauncher> launcher_;
    Pool& pool_;
    rpc::Uuid uuid_;
    DeviceKind kind_;
    DomId domid_;
    Handlers handlers_;
    std::shared_ptr<backend::BackendClient> client_;
    std::map<backend::DeviceId, backend::Device> devices_;
    bool ending_ = false;
};

} // namespace zocalo::toolstack
