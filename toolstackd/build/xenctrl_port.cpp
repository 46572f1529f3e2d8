// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/build/xenctrl_port.hpp"

extern "C" { // Xen's library headers have no guard for C++
#include <xencall.h>
#include <xenctrl.h>
#include <xenforeignmemory.h>
}

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <sys/mman.h>

namespace zocalo::toolstack {
namespace {

Error xen_error(DomId id, const char* what, int error)
{
    std::string text = "domain " + std::to_string(id.value) + ": " + what + " failed";
    Error result = system_error(text, error);
    if (error == ESRCH) {
        result.code = Code::not_found;
        result.next = "the domain is gone; look at `zl list`";
    } else if (error == ENOMEM) {
        result.next = "the host is out of free memory; see `zl info`";
    } else if (error == EPERM || error == EACCES) {
        result.next = "this needs root in dom0 and tools that match the running Xen";
    }
    return result;
}

Error no_xen(const char* what, int error)
{
    Error result = system_error(what, error, "run this in a Xen control domain, as root");
    result.code = Code::unreachable;
    return result;
}

// More than Xen 4.17 has of each (it has about 140 and 3); with too little room it refuses.
constexpr std::uint32_t kMaxLeaves = 1024;
constexpr std::uint32_t kMaxMsrs = 256;

// Memory the hypervisor may read and write during a call.
template <class T> class HypercallArray {
  public:
    HypercallArray(xencall_handle* handle, std::size_t count)
        : handle_{handle}, data_{static_cast<T*>(xencall_alloc_buffer(handle, count * sizeof(T)))}
    {
    }
    ~HypercallArray()
    {
        if (data_ != nullptr)
            xencall_free_buffer(handle_, data_);
    }
    HypercallArray(const HypercallArray&) = delete;
    HypercallArray& operator=(const HypercallArray&) = delete;
    explicit operator bool() const { return data_ != nullptr; }
    T* data() const { return data_; }
    T& operator[](std::size_t i) const { return data_[i]; }

  private:
    xencall_handle* handle_;
    T* data_;
};

void prepare(xen_domctl& domctl, std::uint32_t command, DomId id)
{
    domctl = xen_domctl{};
    domctl.cmd = command;
    domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    domctl.domain = id.value;
}

int call(xencall_handle* handle, const HypercallArray<xen_domctl>& domctl)
{
    const auto address = reinterpret_cast<std::uintptr_t>(domctl.data());
    return xencall1(handle, __HYPERVISOR_domctl, address);
}

} // namespace

Outcome<std::unique_ptr<XenctrlPort>> XenctrlPort::open()
{
    std::unique_ptr<XenctrlPort> port{new XenctrlPort};
    port->xc_ = xc_interface_open(nullptr, nullptr, 0);
    if (port->xc_ == nullptr)
        return no_xen("cannot open the hypervisor interface", errno);
    port->memory_ = xenforeignmemory_open(nullptr, 0);
    if (port->memory_ == nullptr)
        return no_xen("cannot open the foreign memory interface", errno);
    port->call_ = xencall_open(nullptr, 0);
    if (port->call_ == nullptr)
        return no_xen("cannot open the hypercall device", errno);
    xc_physinfo_t host{};
    if (xc_physinfo(port->xc_, &host) != 0)
        return no_xen("cannot ask the hypervisor for the host's capabilities", errno);
    port->hap_ = (host.capabilities & XEN_SYSCTL_PHYSCAP_hap) != 0;
    port->grant_version_ = (host.capabilities & XEN_SYSCTL_PHYSCAP_gnttab_v2) != 0 ? 2 : 1;
    return port;
}

XenctrlPort::~XenctrlPort()
{
    if (call_ != nullptr)
        xencall_close(call_);
    if (memory_ != nullptr)
        xenforeignmemory_close(memory_);
    if (xc_ != nullptr)
        xc_interface_close(xc_);
}

Outcome<Unit> XenctrlPort::done(int rc, DomId id, const char* what)
{
    const int error = errno;
    ++calls_;
    if (rc < 0)
        return xen_error(id, what, error);
    return Unit{};
}

Outcome<DomId> XenctrlPort::create(const NewDomain& domain)
{
    xen_domctl_createdomain config{};
    std::copy(domain.handle.begin(), domain.handle.end(), config.handle);
    if (domain.hvm) {
        config.flags = XEN_DOMCTL_CDF_hvm | (hap_ ? XEN_DOMCTL_CDF_hap : 0U);
        config.arch.emulation_flags = XEN_X86_EMU_LAPIC;
    }
    config.max_vcpus = domain.max_vcpus;
    config.max_evtchn_port = domain.max_event_channels;
    config.max_grant_frames = static_cast<std::int32_t>(domain.max_grant_frames);
    config.max_maptrack_frames = static_cast<std::int32_t>(domain.max_maptrack_frames);
    config.grant_opts = XEN_DOMCTL_GRANT_version(grant_version_);
    std::uint32_t id = 0; // 0: the hypervisor chooses
    ++calls_;
    if (xc_domain_create(xc_, &id, &config) != 0) {
        const int error = errno;
        return system_error(
            "cannot create a domain",
            error,
            error == ENOMEM ? "the host is out of free memory; see `zl info`" : ""
        );
    }
    return DomId{static_cast<std::uint16_t>(id)};
}

Outcome<Unit> XenctrlPort::set_max_vcpus(DomId id, unsigned vcpus)
{
    return done(xc_domain_max_vcpus(xc_, id.value, vcpus), id, "setting the number of vCPUs");
}

Outcome<Unit> XenctrlPort::set_max_memory(DomId id, std::uint64_t kib)
{
    return done(xc_domain_setmaxmem(xc_, id.value, kib), id, "setting the memory limit");
}

Outcome<Unit> XenctrlPort::set_paging_pool(DomId id, std::uint64_t bytes)
{
    return done(
        xc_set_paging_mempool_size(xc_, id.value, bytes), id, "reserving memory for page tables"
    );
}

Outcome<Unit> XenctrlPort::set_tsc_mode(DomId id, std::uint32_t mode)
{
    return done(xc_domain_set_tsc_info(xc_, id.value, mode, 0, 0, 0), id, "setting the TSC mode");
}

Outcome<Unit> XenctrlPort::destroy(DomId id)
{
    return done(xc_domain_destroy(xc_, id.value), id, "destroying it");
}

Outcome<Unit> XenctrlPort::set_memory_map(DomId id, std::span<const xen::MapEntry> map)
{
    std::vector<e820entry> rows;
    rows.reserve(map.size());
    for (const xen::MapEntry& entry : map)
        rows.push_back({entry.address, entry.size, static_cast<std::uint32_t>(entry.type)});
    const auto count = static_cast<std::uint32_t>(rows.size());
    const int rc = xc_domain_set_memory_map(xc_, id.value, rows.data(), count);
    return done(rc, id, "setting the memory map");
}

Outcome<Unit> XenctrlPort::set_pod_target(DomId id, std::uint64_t pages)
{
    const int rc = xc_domain_set_pod_target(xc_, id.value, pages, nullptr, nullptr, nullptr);
    return done(rc, id, "setting the populate-on-demand target");
}

Outcome<std::size_t>
XenctrlPort::populate(DomId id, unsigned order, bool on_demand, std::span<std::uint64_t> frames)
{
    const unsigned flags = on_demand ? XENMEMF_populate_on_demand : 0U;
    ++calls_;
    const int count =
        xc_domain_populate_physmap(xc_, id.value, frames.size(), order, flags, frames.data());
    if (count < 0)
        return xen_error(id, "populating memory", errno);
    return static_cast<std::size_t>(count);
}

Outcome<GuestMemory> XenctrlPort::map(DomId id, std::span<const std::uint64_t> frames)
{
    ++calls_;
    const std::size_t pages = frames.size();
    void* base = xenforeignmemory_map2(
        memory_, id.value, nullptr, PROT_READ | PROT_WRITE, 0, pages, frames.data(), nullptr
    );
    if (base == nullptr)
        return xen_error(id, "mapping guest memory", errno);
    return GuestMemory{
        static_cast<std::byte*>(base), pages, [memory = memory_, pages](std::byte* p) {
            xenforeignmemory_unmap(memory, p, pages);
        }};
}

Outcome<GuestMemory> XenctrlPort::map_grant_table(DomId id)
{
    ++calls_;
    void* base = nullptr;
    auto* resource = xenforeignmemory_map_resource(
        memory_,
        id.value,
        XENMEM_resource_grant_table,
        XENMEM_resource_grant_table_id_shared,
        0,
        1,
        &base,
        PROT_READ | PROT_WRITE,
        0
    );
    if (resource == nullptr)
        return xen_error(id, "mapping the grant table", errno);
    return GuestMemory{static_cast<std::byte*>(base), 1, [memory = memory_, resource](std::byte*) {
                           xenforeignmemory_unmap_resource(memory, resource);
                       }};
}

Outcome<Mfn> XenctrlPort::shared_info(DomId id)
{
    ++calls_;
    xc_domaininfo_t info{};
    const int count = xc_domain_getinfolist(xc_, id.value, 1, &info);
    if (count < 0)
        return xen_error(id, "asking for its state", errno);
    if (count == 0 || info.domain != id.value)
        return xen_error(id, "asking for its state", ESRCH);
    return Mfn{info.shared_info_frame};
}

Outcome<EventPort> XenctrlPort::alloc_unbound(DomId id, DomId remote)
{
    const int port = xc_evtchn_alloc_unbound(xc_, id.value, remote.value);
    TRY(done(port, id, "allocating an event channel"));
    return EventPort{static_cast<std::uint32_t>(port)};
}

// libxenctrl has no call of its own for XEN_DOMCTL_hypercall_init.
Outcome<Unit> XenctrlPort::init_hypercall_page(DomId id, std::uint64_t frame)
{
    HypercallArray<xen_domctl> domctl{call_, 1};
    if (!domctl)
        return xen_error(id, "allocating a hypercall buffer", errno);
    prepare(domctl[0], XEN_DOMCTL_hypercall_init, id);
    domctl[0].u.hypercall_init.gmfn = frame;
    return done(call(call_, domctl), id, "filling the hypercall page");
}

// libxenctrl has no call of its own for the policy either; libxenguest's hides the leaves.
Outcome<std::vector<xen_cpuid_leaf>> XenctrlPort::cpuid_leaves(DomId id)
{
    HypercallArray<xen_domctl> domctl{call_, 1};
    HypercallArray<xen_cpuid_leaf> leaves{call_, kMaxLeaves};
    HypercallArray<xen_msr_entry> msrs{call_, kMaxMsrs}; // Xen insists on giving both
    if (!domctl || !leaves || !msrs)
        return xen_error(id, "allocating a hypercall buffer", errno);
    prepare(domctl[0], XEN_DOMCTL_get_cpu_policy, id);
    auto& policy = domctl[0].u.cpu_policy;
    policy.nr_leaves = kMaxLeaves;
    policy.nr_msrs = kMaxMsrs;
    set_xen_guest_handle_raw(policy.leaves, leaves.data());
    set_xen_guest_handle_raw(policy.msrs, msrs.data());
    TRY(done(call(call_, domctl), id, "reading its CPUID policy"));
    const std::size_t count = std::min<std::size_t>(policy.nr_leaves, kMaxLeaves);
    return std::vector<xen_cpuid_leaf>{leaves.data(), leaves.data() + count};
}

Outcome<Unit> XenctrlPort::set_cpuid_leaves(DomId id, std::span<xen_cpuid_leaf> list)
{
    HypercallArray<xen_domctl> domctl{call_, 1};
    HypercallArray<xen_cpuid_leaf> leaves{call_, std::max<std::size_t>(list.size(), 1)};
    if (!domctl || !leaves)
        return xen_error(id, "allocating a hypercall buffer", errno);
    std::copy(list.begin(), list.end(), leaves.data());
    prepare(domctl[0], XEN_DOMCTL_set_cpu_policy, id);
    auto& policy = domctl[0].u.cpu_policy;
    policy.nr_leaves = static_cast<std::uint32_t>(list.size());
    set_xen_guest_handle_raw(policy.leaves, leaves.data());
    return done(call(call_, domctl), id, "setting its CPUID policy");
}

Outcome<Unit> XenctrlPort::pin_l4(DomId id, Mfn table)
{
    mmuext_op op{};
    op.cmd = MMUEXT_PIN_L4_TABLE;
    op.arg1.mfn = table.value;
    return done(xc_mmuext_op(xc_, &op, 1, id.value), id, "pinning the page tables");
}

Outcome<Unit> XenctrlPort::set_vcpu_context(DomId id, const vcpu_guest_context& context)
{
    vcpu_guest_context_any_t any{};
    any.c = context;
    return done(xc_vcpu_setcontext(xc_, id.value, 0, &any), id, "setting the first vCPU's state");
}

Outcome<std::vector<std::byte>> XenctrlPort::hvm_context(DomId id)
{
    const int size = xc_domain_hvm_getcontext(xc_, id.value, nullptr, 0);
    TRY(done(size, id, "asking for the size of its vCPU state"));
    std::vector<std::byte> records(static_cast<std::size_t>(size));
    const int used = xc_domain_hvm_getcontext(
        xc_,
        id.value,
        reinterpret_cast<std::uint8_t*>(records.data()),
        static_cast<std::uint32_t>(records.size())
    );
    TRY(done(used, id, "reading its vCPU state"));
    return records;
}

Outcome<Unit> XenctrlPort::set_hvm_context(DomId id, std::span<std::byte> records)
{
    const int rc = xc_domain_hvm_setcontext(
        xc_,
        id.value,
        reinterpret_cast<std::uint8_t*>(records.data()),
        static_cast<std::uint32_t>(records.size())
    );
    return done(rc, id, "setting its vCPU state");
}

Outcome<Unit> XenctrlPort::set_hvm_param(DomId id, std::uint32_t param, std::uint64_t value)
{
    return done(xc_hvm_param_set(xc_, id.value, param, value), id, "setting an HVM parameter");
}

} // namespace zocalo::toolstack
