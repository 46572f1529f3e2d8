// SPDX-License-Identifier: Apache-2.0
// DomainLayer: the Toolstack of a real daemon: the book in SQLite, one actor a domain, and the
// watches and timers that wake them. Made and started once by toolstackd/app; tests make it over an
// in-memory world.
#pragma once

#include "toolstackd/domain/settings.hpp"
#include "toolstackd/domain/toolstack.hpp"

#include <boost/asio/any_io_executor.hpp>

namespace zocalo::toolstack {

class Clock;
class Consoles;
class Database;
class Devices;
class Hypervisor;
class Store;

class DomainLayer final : public Toolstack {
  public:
    // Everything referred to must outlive the layer.
    DomainLayer(
        boost::asio::any_io_executor executor,
        Hypervisor& hv,
        Store& store,
        Devices& devices,
        Consoles& consoles,
        Database& database,
        Clock& clock,
        Settings settings
    );
    ~DomainLayer() override;

    // The database cannot be trusted: domains are shown, changes are refused with the reason, and
    // the reconciler does nothing. Before `start`.
    void only_read(std::string why);
    // Reads the database and takes up every domain where it stands. Nothing may be asked before.
    Answer<Unit> start();
    // No new steps; waits until the steps under way have ended, at most `limit`, then cancels.
    // Guests and their backends are not touched.
    Answer<Unit> stop(std::chrono::milliseconds limit);

    Answer<std::vector<rpc::DomainView>> domains() override;
    Answer<rpc::DomainDetail> domain(std::string ref) override;
    Answer<std::vector<rpc::DeviceStats>> device_stats(std::string ref) override;
    Answer<rpc::Uuid> resolve(std::string ref) override;
    Answer<rpc::OpView> submit(Request request) override;
    Answer<rpc::OpView> op(std::uint64_t id) override;
    Answer<rpc::OpView> wait_op(std::uint64_t id, std::chrono::milliseconds limit) override;
    Answer<std::vector<rpc::OpView>> ops(bool active_only) override;
    Answer<rpc::OpView> cancel(std::uint64_t id) override;
    Answer<CheckResult> check(rpc::DomainConfig config) override;
    Answer<EventPage>
    events(std::uint64_t since, std::size_t max, std::chrono::milliseconds limit) override;
    Answer<rpc::HostView> host() override;
    Answer<std::string> dmesg(bool clear) override;
    Answer<std::vector<rpc::FindingView>> doctor() override;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace zocalo::toolstack
