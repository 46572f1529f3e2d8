// SPDX-License-Identifier: Apache-2.0
// XenDevices: the Devices of real domains: images, taps and bridge ports, backend processes and the
// sessions with the frontends. One thread: everything runs on the executor given; what blocks runs
// on a pool.
#pragma once

#include "toolstackd/device/devices.hpp"
#include "toolstackd/device/launcher.hpp"
#include "toolstackd/device/session.hpp"
#include "toolstackd/sys/pool.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <map>
#include <memory>

namespace zocalo::toolstack {

// What a network card needs of the host; blocks. The default makes a tap and a port of its bridge.
using OpenNic = std::function<
    Outcome<std::vector<UniqueFd>>(const rpc::NicConfig& nic, const std::string& vifname)>;
Outcome<std::vector<UniqueFd>> open_nic(const rpc::NicConfig& nic, const std::string& vifname);
// What is left of a card on the host when its tap is closed: the guard against spoofing.
using CloseNic = std::function<void(const rpc::NicConfig& nic, const std::string& vifname)>;
void close_nic(const rpc::NicConfig& nic, const std::string& vifname);

class XenDevices final : public Devices {
  public:
    XenDevices(
        boost::asio::any_io_executor executor,
        Store& store,
        std::shared_ptr<BackendLauncher> launcher,
        OpenNic nics = open_nic,
        CloseNic close = close_nic
    );
    ~XenDevices() override;

    Answer<std::vector<StoreChange>>
    prepare(const DeviceOwner& owner, std::vector<DeviceConfig> devices) override;
    Answer<Unit> follow(const DeviceOwner& owner, std::vector<DeviceConfig> devices) override;
    Answer<Unit> wait_connected(
        const rpc::Uuid& uuid, DeviceKey device, std::chrono::milliseconds limit
    ) override;
    Answer<Unit> detach(
        const DeviceOwner& owner, DeviceKey device, bool force, std::chrono::milliseconds limit
    ) override;
    std::vector<StoreChange>
    nodes_to_remove(const DeviceOwner& owner, DeviceKey device) const override;
    std::vector<StoreChange> stale_nodes(DomId domid) const override;
    Answer<Unit> release_all(const rpc::Uuid& uuid, DomId domid) override;
    Answer<Unit> free_loop(const std::string& path, const std::string& file) override;
    Answer<std::vector<rpc::DiskView>> disks(const DeviceOwner& owner) override;
    Answer<std::vector<rpc::NicView>> nics(const DeviceOwner& owner) override;
    Answer<DeviceRemains> survey() override;
    Answer<Unit>
    set_limits(const DeviceOwner& owner, DeviceKey device, const rpc::LimitConfig& limits) override;
    Answer<Unit> measure(const DeviceOwner& owner, DeviceKey device) override;
    Answer<Unit> change_medium(const DeviceOwner& owner, rpc::DiskConfig disk) override;
    Answer<std::vector<rpc::DeviceStats>> stats(const DeviceOwner& owner) override;
    void on_notice(Notice notice) override { notice_ = std::move(notice); }

  private:
    struct Domain {
        DeviceOwner owner;
        std::map<DeviceKind, std::shared_ptr<Backend>> backends;
        std::map<DeviceKey, std::shared_ptr<Session>> sessions;
        std::vector<std::chrono::steady_clock::time_point> deaths;
    };

    Domain& domain_of(const DeviceOwner& owner);
    std::shared_ptr<Session> session_of(const rpc::Uuid& uuid, DeviceKey device) const;
    std::shared_ptr<Backend> slot_of(const DeviceOwner& owner, DeviceKind kind);
    Answer<std::shared_ptr<Backend>> backend_of(DeviceOwner owner, DeviceKind kind, bool may_start);
    Answer<backend::Ready>
    add(std::shared_ptr<Backend> backend,
        DeviceOwner owner,
        DeviceConfig config,
        std::chrono::milliseconds patience = {});
    void handle(const rpc::Uuid& uuid, DeviceKind kind, const backend::Event& event);
    void lost(const rpc::Uuid& uuid, DeviceKind kind, const std::string& why);
    boost::asio::awaitable<void> revive(rpc::Uuid uuid, DeviceKind kind);
    Answer<Unit> find_domids(const std::string& root, bool backends, std::vector<DomId>& found);
    void
    tell(const rpc::Uuid& uuid, DeviceKey key, const std::string& kind, const std::string& text);

    boost::asio::any_io_executor executor_;
    Store& store_;
    std::shared_ptr<BackendLauncher> launcher_;
    Answer<Unit> close(std::vector<std::shared_ptr<Session>> sessions);

    OpenNic open_nic_;
    CloseNic close_nic_;
    Notice notice_;
    std::map<rpc::Uuid, Domain> domains_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    Pool pool_;
};

} // namespace zocalo::toolstack
