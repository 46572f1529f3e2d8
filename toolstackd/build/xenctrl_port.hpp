// SPDX-License-Identifier: Apache-2.0
// XenctrlPort: XenPort on libxenctrl, libxenforeignmemory and libxencall (Xen 4.17 or newer). The
// only file of the builder that knows them.
#pragma once

#include "toolstackd/build/xen_port.hpp"

#include <atomic>

struct xc_interface_core;
struct xenforeignmemory_handle;
struct xencall_handle;

namespace zocalo::toolstack {

class XenctrlPort final : public XenPort {
  public:
    // Code::unreachable without /dev/xen/privcmd, i.e. when this is not a Xen control domain.
    static Outcome<std::unique_ptr<XenctrlPort>> open();
    ~XenctrlPort() override;

    // Calls made since open(); a call here is one hypercall or ioctl (a populate Xen splits counts
    // once).
    std::uint64_t calls() const { return calls_.load(); }
    xc_interface_core* handle() const { return xc_; }

    Outcome<DomId> create(const NewDomain& domain) override;
    Outcome<Unit> set_max_vcpus(DomId id, unsigned vcpus) override;
    Outcome<Unit> set_max_memory(DomId id, std::uint64_t kib) override;
    Outcome<Unit> set_paging_pool(DomId id, std::uint64_t bytes) override;
    Outcome<Unit> set_tsc_mode(DomId id, std::uint32_t mode) override;
    Outcome<Unit> destroy(DomId id) override;
    Outcome<Unit> set_memory_map(DomId id, std::span<const xen::MapEntry> map) override;
    Outcome<Unit> set_pod_target(DomId id, std::uint64_t pages) override;
    Outcome<std::size_t>
    populate(DomId id, unsigned order, bool on_demand, std::span<std::uint64_t> frames) override;
    Outcome<GuestMemory> map(DomId id, std::span<const std::uint64_t> frames) override;
    Outcome<GuestMemory> map_grant_table(DomId id) override;
    Outcome<Mfn> shared_info(DomId id) override;
    Outcome<EventPort> alloc_unbound(DomId id, DomId remote) override;
    Outcome<Unit> init_hypercall_page(DomId id, std::uint64_t frame) override;
    Outcome<Unit> pin_l4(DomId id, Mfn table) override;
    Outcome<Unit> set_vcpu_context(DomId id, const vcpu_guest_context& context) override;
    Outcome<std::vector<std::byte>> hvm_context(DomId id) override;
    Outcome<Unit> set_hvm_context(DomId id, std::span<std::byte> records) override;
    Outcome<std::vector<xen_cpuid_leaf>> cpuid_leaves(DomId id) override;
    Outcome<Unit> set_cpuid_leaves(DomId id, std::span<xen_cpuid_leaf> leaves) override;
    Outcome<Unit> set_hvm_param(DomId id, std::uint32_t param, std::uint64_t value) override;

  private:
    XenctrlPort() = default;
    // Counts the call and turns a libxc result (-1 and errno) into an Outcome.
    Outcome<Unit> done(int rc, DomId id, const char* what);

    xc_interface_core* xc_{};
    xenforeignmemory_handle* memory_{};
    xencall_handle* call_{};
    bool hap_{};
    unsigned grant_version_{1};
    std::atomic<std::uint64_t> calls_{};
};

} // namespace zocalo::toolstack
