// SPDX-License-Identifier: Apache-2.0
// DiskService: toolstackd's requests, carried out on the disks of this process. The only place that
// maps messages to devices; main.cpp makes one.
#pragma once

#include "backends/blk/device.hpp"
#include "backends/common/service.hpp"

#include <map>

namespace zocalo::blk {

class DiskService final : public backend::Service {
  public:
    // `domain` is the only one whose pages may be mapped.
    DiskService(Device::Surroundings surroundings, DomId domain);

    void handle(backend::Request request, std::vector<UniqueFd> fds, backend::Reply reply) override;

    // Drains every disk, then calls `done`. The next process may go on with their guests.
    void leave_all(std::function<void()> done);

  private:
    using Fds = std::vector<UniqueFd>;
    void carry_out(backend::Hello&, Fds&, const backend::Reply& reply);
    void carry_out(backend::AddDisk& request, Fds& fds, const backend::Reply& reply);
    void carry_out(backend::AddNic&, Fds&, const backend::Reply& reply);
    void carry_out(backend::Connect& request, Fds&, const backend::Reply& reply);
    void carry_out(backend::Disconnect& request, Fds&, const backend::Reply& reply);
    void carry_out(backend::RemoveDevice& request, Fds&, const backend::Reply& reply);
    void carry_out(backend::ListDevices&, Fds&, const backend::Reply& reply);
    void carry_out(backend::GetStats& request, Fds&, const backend::Reply& reply);
    void carry_out(backend::SetLimits& request, Fds&, const backend::Reply& reply);
    void carry_out(backend::MeasureDisk& request, Fds&, const backend::Reply& reply);
    void carry_out(backend::ChangeMedium& request, Fds& fds, const backend::Reply& reply);
    void carry_out(backend::SetHeadroom& request, Fds&, const backend::Reply& reply);
    void carry_out(backend::Settle& request, Fds&, const backend::Reply& reply);
    void carry_out(backend::Shutdown&, Fds&, const backend::Reply& reply);

    Outcome<std::unique_ptr<Image>> open(const backend::AddDisk& disk, UniqueFd file);
    Outcome<backend::Ready> add(const backend::AddDisk& request, Fds& fds);
    using End = void (Device::*)(std::function<void()>);
    void end_all(End how, std::function<void()> done);
    // Null after a Failed was sent.
    std::shared_ptr<Device> find(backend::DeviceId id, const backend::Reply& reply);

    Device::Surroundings surroundings_;
    DomId domain_;
    std::map<backend::DeviceId, std::shared_ptr<Device>> devices_;
};

} // namespace zocalo::blk
