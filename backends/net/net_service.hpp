// SPDX-License-Identifier: Apache-2.0
// NetService: the network cards of one domain, as toolstackd orders them over the control socket.
// One request after the other; each is answered before handle() returns.
#pragma once

#include "backends/common/service.hpp"
#include "backends/net/vif.hpp"

#include <functional>
#include <map>
#include <memory>

namespace zocalo::net {

class NetService final : public backend::Service {
  public:
    // `domain` is the only one whose rings this process may serve.
    NetService(const Surroundings& around, DomId domain) : around_{around}, domain_{domain} {}

    // Where events go; they are dropped until it is set.
    void on_event(std::function<void(backend::Event)> send) { send_ = std::move(send); }

    void handle(backend::Request request, std::vector<UniqueFd> fds, backend::Reply reply) override;

  private:
    using Fds = std::vector<UniqueFd>;
    backend::Answer answer(const backend::Hello& request, Fds& fds);
    backend::Answer answer(const backend::AddDisk& request, Fds& fds);
    backend::Answer answer(const backend::AddNic& request, Fds& fds);
    backend::Answer answer(const backend::Connect& request, Fds& fds);
    backend::Answer answer(const backend::Disconnect& request, Fds& fds);
    backend::Answer answer(const backend::RemoveDevice& request, Fds& fds);
    backend::Answer answer(const backend::ListDevices& request, Fds& fds);
    backend::Answer answer(const backend::GetStats& request, Fds& fds);
    backend::Answer answer(const backend::SetLimits& request, Fds& fds);
    backend::Answer answer(const backend::MeasureDisk& request, Fds& fds);
    backend::Answer answer(const backend::ChangeMedium& request, Fds& fds);
    backend::Answer answer(const backend::SetHeadroom& request, Fds& fds);
    backend::Answer answer(const backend::Settle& request, Fds& fds);
    backend::Answer answer(const backend::Shutdown& request, Fds& fds);
    Vif* find(backend::DeviceId device);

    Surroundings around_;
    DomId domain_;
    std::map<backend::DeviceId, std::unique_ptr<Vif>> vifs_;
    std::function<void(backend::Event)> send_;
};

} // namespace zocalo::net
