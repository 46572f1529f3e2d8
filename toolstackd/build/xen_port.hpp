// SPDX-License-Identifier: Apache-2.0
// XenPort: the calls a domain builder makes, one method per hypercall or ioctl, so that a build can
// be played against a recording world in unit tests. Implementations hold no policy and keep no
// state of a domain. All calls block; one port may serve several threads at once.
#pragma once

#include "common/base/address.hpp"
#include "common/error/error.hpp"
#include "common/xen-build/pvh_plan.hpp"

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

struct vcpu_guest_context; // xen/arch-x86/xen.h
struct xen_cpuid_leaf;     // the same

namespace zocalo::toolstack {

// Foreign pages mapped here, one behind the other; unmapped when it goes.
class GuestMemory {
  public:
    using Unmap = std::function<void(std::byte*)>;

    GuestMemory(std::byte* base, std::size_t pages, Unmap unmap)
        : base_{base, std::move(unmap)}, pages_{pages}
    {
    }
    std::span<std::byte> bytes() const { return {base_.get(), pages_ * kPageSize}; }

  private:
    std::unique_ptr<std::byte, Unmap> base_;
    std::size_t pages_;
};

// What XEN_DOMCTL_createdomain is told; see GuestSpec for the meaning.
struct NewDomain {
    std::array<std::uint8_t, 16> handle{};
    bool hvm{}; // with hardware-assisted paging where there is any
    unsigned max_vcpus{};
    unsigned max_event_channels{};
    unsigned max_grant_frames{};
    unsigned max_maptrack_frames{};
};

class XenPort {
  public:
    virtual ~XenPort() = default;

    virtual Outcome<DomId> create(const NewDomain& domain) = 0; // XEN_DOMCTL_createdomain
    virtual Outcome<Unit> set_max_vcpus(DomId id, unsigned vcpus) = 0;
    virtual Outcome<Unit> set_max_memory(DomId id, std::uint64_t kib) = 0;
    virtual Outcome<Unit> set_paging_pool(DomId id, std::uint64_t bytes) = 0;
    virtual Outcome<Unit> set_tsc_mode(DomId id, std::uint32_t mode) = 0;
    virtual Outcome<Unit> destroy(DomId id) = 0;

    // XENMEM_set_memory_map; at most 128 entries.
    virtual Outcome<Unit> set_memory_map(DomId id, std::span<const xen::MapEntry> map) = 0;
    virtual Outcome<Unit> set_pod_target(DomId id, std::uint64_t pages) = 0;
    // XENMEM_populate_physmap: `frames` holds pfns, and mfns afterwards (PV). Answers how many
    // extents, from the front, were populated: fewer than asked when memory of that order ran out.
    virtual Outcome<std::size_t>
    populate(DomId id, unsigned order, bool on_demand, std::span<std::uint64_t> frames) = 0;

    // Readable and writable; `frames` are mfns for PV, gfns for PVH.
    virtual Outcome<GuestMemory> map(DomId id, std::span<const std::uint64_t> frames) = 0;
    // The first frame of the grant table, as version 1 entries.
    virtual Outcome<GuestMemory> map_grant_table(DomId id) = 0;
    virtual Outcome<Mfn> shared_info(DomId id) = 0;

    // EVTCHNOP_alloc_unbound in `id`, for `remote` to bind to.
    virtual Outcome<EventPort> alloc_unbound(DomId id, DomId remote) = 0;

    virtual Outcome<Unit> init_hypercall_page(DomId id, std::uint64_t frame) = 0;
    virtual Outcome<Unit> pin_l4(DomId id, Mfn table) = 0; // MMUEXT_PIN_L4_TABLE
    virtual Outcome<Unit> set_vcpu_context(DomId id, const vcpu_guest_context& context) = 0;
    virtual Outcome<std::vector<std::byte>> hvm_context(DomId id) = 0;
    virtual Outcome<Unit> set_hvm_context(DomId id, std::span<std::byte> records) = 0;
    // XEN_DOMCTL_get_cpu_policy: all CPUID leaves the guest would read. Writing some of them leaves
    // the others as they are; only before the domain first runs.
    virtual Outcome<std::vector<xen_cpuid_leaf>> cpuid_leaves(DomId id) = 0;
    virtual Outcome<Unit> set_cpuid_leaves(DomId id, std::span<xen_cpuid_leaf> leaves) = 0;
    virtual Outcome<Unit> set_hvm_param(DomId id, std::uint32_t param, std::uint64_t value) = 0;
};

} // namespace zocalo::toolstack
