// SPDX-License-Identifier: Apache-2.0
// FakeBackends: backend processes played inside a unit test: they speak the control protocol over
// socketpairs on the test's own io_context, keep their devices when the daemon's connection ends,
// and die on request.
#pragma once

#include "common/backend-ctl/messages.hpp"
#include "toolstackd/device/launcher.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace zocalo::toolstack {

class FakeBackends final : public BackendLauncher {
  public:
    explicit FakeBackends(boost::asio::any_io_executor executor);
    ~FakeBackends() override;

    Outcome<Unit> start(const rpc::Uuid& uuid, DeviceKind kind, DomId domid) override;
    Outcome<UniqueFd> connect(const rpc::Uuid& uuid, DeviceKind kind) override;
    Outcome<Unit>
    end(const rpc::Uuid& uuid, DeviceKind kind, std::chrono::milliseconds grace) override;
    Outcome<std::vector<DeviceRemains::Process>> find() override;
    Outcome<UniqueFd> journal(const rpc::Uuid& uuid, DeviceKey device) override;
    void drop_journal(const rpc::Uuid& uuid, DeviceKey device) override;

    std::optional<std::uint32_t> hearing(DomId domid, EventPort port) override;

    using Id = std::pair<rpc::Uuid, DeviceKind>;
    // The process dies; its devices are gone.
    void kill(const Id& id);
    // Only the connection ends.
    void hang_up(const Id& id);
    void send_event(const Id& id, backend::Event event);
    bool runs(const Id& id) const;
    std::optional<backend::DeviceState> state(const Id& id, backend::DeviceId device) const;

    std::vector<std::string> log;                 // "start", "add 51712", "connect 51712", …
    std::map<std::uint32_t, unsigned> journals;   // by devid: how often it was handed over
    std::string refuse_connect;                   // the reason Connect fails with, if any
    std::map<std::uint32_t, std::uint32_t> hears; // by the guest's port: a processor of dom0
    unsigned refuse_starts = 0;                   // so many next starts fail

    struct Process;

  private:
    boost::asio::any_io_executor executor_;
    std::map<Id, std::shared_ptr<Process>> processes_;
};

} // namespace zocalo::toolstack
