// SPDX-License-Identifier: Apache-2.0
// XenCalls: libxenctrl's calls with our types and our errors, blocking; XenHypervisor runs them on
// pools. May be used by several threads at once (libxencall locks its buffers). No policy.
#pragma once

#include "common/base/address.hpp"
#include "common/error/error.hpp"
#include "common/rpc/uuid.hpp"
#include "common/rpc/views.hpp"
#include "toolstackd/sys/hypervisor.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

struct xc_interface_core;

namespace zocalo::toolstack {

class XenCalls {
  public:
    // Code::unreachable when this is not a Xen control domain.
    static Outcome<std::unique_ptr<XenCalls>> open();
    ~XenCalls();
    XenCalls(const XenCalls&) = delete;
    XenCalls& operator=(const XenCalls&) = delete;

    Outcome<std::vector<LiveDomain>> list();
    Outcome<LiveDomain> find(DomId domid);
    Outcome<Unit> pause(DomId domid);
    Outcome<Unit> unpause(DomId domid);
    // As often as Xen says EAGAIN: minutes for a large domain.
    Outcome<Unit> destroy(DomId domid);
    Outcome<Unit> set_handle(DomId domid, const rpc::Uuid& uuid);
    Outcome<Unit> set_max_memory(DomId domid, std::uint64_t kib);
    // `first` to `last` inclusive; masks in xl's grammar.
    Outcome<Unit> set_affinity(
        DomId domid,
        std::uint32_t first,
        std::uint32_t last,
        const std::optional<std::string>& hard,
        const std::optional<std::string>& soft
    );
    Outcome<rpc::SchedConfig> scheduler(DomId domid);
    Outcome<Unit> set_scheduler(DomId domid, const rpc::SchedConfig& parameters);
    Outcome<std::vector<rpc::VcpuView>> vcpus(DomId domid);
    Outcome<rpc::HostView> host();
    Outcome<std::string> dmesg(bool clear);
    // The vCPU of this domain that hears what a domain sends through one of its ports
    // (EVTCHNOP_status, of both ends).
    Outcome<std::uint32_t> hearing(DomId domid, EventPort port);
    // Bytes a new domain can have.
    Outcome<std::uint64_t> free_memory();

  private:
    explicit XenCalls(xc_interface_core* xc) : xc_(xc) {}
    Outcome<std::vector<std::uint32_t>> node_of_cpus();
    Outcome<std::vector<std::uint8_t>> mask(const std::string& cpus);

    xc_interface_core* xc_;
};

// "cannot WHAT domain N: …": ESRCH becomes not_found, EPERM and EACCES denied, ENOSYS unsupported,
// EBUSY and EAGAIN conflict.
Error xen_error(const std::string& what, std::optional<DomId> domid, int error);

} // namespace zocalo::toolstack
