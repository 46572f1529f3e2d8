// SPDX-License-Identifier: Apache-2.0
// Hypervisor: everything the daemon asks of Xen, as one interface, so that the reconciler runs the
// same against libxenctrl and against the in-memory world of the unit tests. Implementations do no
// policy: they never decide which domain to touch. Every call is asynchronous and has a deadline of
// its own; an unreachable hypervisor is Code::unreachable, a domain that is gone is
// Code::not_found.
#pragma once

#include "common/base/address.hpp"
#include "common/rpc/uuid.hpp"
#include "common/rpc/views.hpp"
#include "toolstackd/sys/answer.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

namespace zocalo::toolstack {

// One row of XEN_SYSCTL_getdomaininfolist.
struct LiveDomain {
    DomId domid;
    rpc::Uuid handle;
    bool dying{}, shutdown{}, paused{}, blocked{}, running{}, hvm{};
    std::uint8_t shutdown_reason{}; // SHUTDOWN_* of public/sched.h, valid when `shutdown`
    std::uint64_t cpu_time_ns{};
    std::uint64_t memory_kib{}, max_memory_kib{};
    std::uint32_t vcpus_online{}, max_vcpu_id{};
};

// What a built domain needs written into xenstore: frames are mfns for PV and gfns for PVH.
struct Wiring {
    std::uint64_t store_frame{}, console_frame{};
    EventPort store_port, console_port; // the domain's own port numbers
};

// A core file that is complete.
struct CoreDump {
    std::string path;
    std::uint64_t bytes{}; // that it takes on the disk
};

// Set by whoever does not want the dump any more.
using GiveUp = std::shared_ptr<std::atomic<bool>>;

class Hypervisor {
  public:
    virtual ~Hypervisor() = default;

    virtual Answer<std::vector<LiveDomain>> list() = 0;
    virtual Answer<LiveDomain> find(DomId domid) = 0;

    // XEN_DOMCTL_createdomain with handle = uuid, then limits, affinity and scheduler parameters.
    // The domain is paused and has no memory yet.
    virtual Answer<DomId> create(const rpc::Uuid& uuid, const rpc::DomainConfig& config) = 0;
    // Loads the kernel and makes vCPU 0 ready to run; the domain stays paused.
    virtual Answer<Wiring> build(DomId domid, const rpc::DomainConfig& config) = 0;
    virtual Answer<Unit> pause(DomId domid) = 0;
    virtual Answer<Unit> unpause(DomId domid) = 0;
    // Until the hypercall has returned; Xen may report the domain as dying for a while after.
    virtual Answer<Unit> destroy(DomId domid) = 0;

    // The domain's handle: from now on it is told apart by this uuid.
    virtual Answer<Unit> set_handle(DomId domid, const rpc::Uuid& uuid) = 0;
    // Writes the memory and vCPUs of a domain that has stopped to the core file `name`. Takes as
    // long as the memory is large. A second call with the same name replaces the file.
    virtual Answer<CoreDump> dump_core(DomId domid, std::string name, GiveUp give_up) = 0;

    virtual Answer<Unit> set_max_memory(DomId domid, std::uint64_t kib) = 0;
    // nullopt for `vcpu`: all of them; nullopt for a mask: leave it. Masks in xl's grammar.
    virtual Answer<Unit> set_affinity(
        DomId domid,
        std::optional<std::uint32_t> vcpu,
        std::optional<std::string> hard,
        std::optional<std::string> soft
    ) = 0;
    virtual Answer<rpc::SchedConfig> scheduler(DomId domid) = 0;
    virtual Answer<Unit> set_scheduler(DomId domid, rpc::SchedConfig parameters) = 0;
    virtual Answer<std::vector<rpc::VcpuView>> vcpus(DomId domid) = 0;

    virtual Answer<rpc::HostView> host() = 0;
    // What host() says of it and no more: each create asks.
    virtual Answer<std::uint64_t> free_memory_kib() = 0;
    virtual Answer<std::string> dmesg(bool clear) = 0;
};

} // namespace zocalo::toolstack
