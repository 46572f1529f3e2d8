// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/xen_calls.hpp"

#include "toolstackd/sys/cpu_list.hpp"

extern "C" { // Xen's library headers have no guard for C++
#include <xenctrl.h>
}

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

namespace zocalo::toolstack {
namespace {

LiveDomain live(const xc_domaininfo_t& info)
{
    LiveDomain d;
    d.domid = DomId{info.domain};
    std::copy(std::begin(info.handle), std::end(info.handle), d.handle.bytes.begin());
    d.dying = (info.flags & XEN_DOMINF_dying) != 0;
    d.shutdown = (info.flags & XEN_DOMINF_shutdown) != 0;
    d.paused = (info.flags & XEN_DOMINF_paused) != 0;
    d.blocked = (info.flags & XEN_DOMINF_blocked) != 0;
    d.running = (info.flags & XEN_DOMINF_running) != 0;
    d.hvm = (info.flags & XEN_DOMINF_hvm_guest) != 0;
    d.shutdown_reason = static_cast<std::uint8_t>(
        (info.flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask
    );
    d.cpu_time_ns = info.cpu_time;
    d.memory_kib = info.tot_pages * (kPageSize / 1024);
    // Xen's own allowance for hypervisor pages makes max_pages huge for some domains (dom0).
    d.max_memory_kib = info.max_pages * (kPageSize / 1024);
    d.vcpus_online = info.nr_online_vcpus;
    d.max_vcpu_id = info.max_vcpu_id == XEN_INVALID_MAX_VCPU_ID ? 0 : info.max_vcpu_id;
    return d;
}

CpuSet set_of(const std::vector<std::uint8_t>& map)
{
    CpuSet set(map.size() * 8);
    for (std::size_t i = 0; i < set.size(); ++i)
        set[i] = ((map[i / 8] >> (i % 8)) & 1) != 0;
    return set;
}

} // namespace

Error xen_error(const std::string& what, std::optional<DomId> domid, int error)
{
    const std::string object = domid ? " domain " + std::to_string(domid->value) : "";
    Error e = system_error("cannot " + what + object, error);
    switch (error) {
    case ESRCH:
        e = {Code::not_found, "cannot " + what + object + ": Xen has no such domain", {}};
        break;
    case EPERM:
    case EACCES:
        e.code = Code::denied;
        e.next = "the daemon must run as root in Xen's control domain";
        break;
    case ENOSYS:
    case EOPNOTSUPP:
        e.code = Code::unsupported;
        e.next = "this hypervisor does not offer it";
        break;
    case EBUSY:
    case EAGAIN:
        e.code = Code::conflict;
        e.next = "try again";
        break;
    case ENOMEM:
        e.next = "see the free memory with `zl info`";
        break;
    default:
        break;
    }
    return e;
}

Outcome<std::unique_ptr<XenCalls>> XenCalls::open()
{
    xc_interface* xc = xc_interface_open(nullptr, nullptr, 0);
    if (xc != nullptr)
        return std::unique_ptr<XenCalls>(new XenCalls(xc));
    Error error = system_error("cannot reach Xen", errno);
    error.code = Code::unreachable;
    error.next = "is this Xen's control domain, and is /dev/xen/privcmd there?";
    return error;
}

XenCalls::~XenCalls()
{
    xc_interface_close(xc_);
}

Outcome<std::vector<LiveDomain>> XenCalls::list()
{
    // Small: libxenctrl copies the whole room for the answer both ways, whatever is in it.
    constexpr std::uint32_t kPage = 32;
    std::vector<LiveDomain> domains;
    std::vector<xc_domaininfo_t> page(kPage);
    std::uint32_t next = 0;
    while (next < kFirstReservedDomId) {
        const int n = xc_domain_getinfolist(xc_, next, kPage, page.data());
        if (n < 0)
            return xen_error("list domains", std::nullopt, errno);
        for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
            domains.push_back(live(page[i]));
        if (static_cast<std::uint32_t>(n) < kPage)
            break;
        next = domains.back().domid.value + 1U;
    }
    return domains;
}

Outcome<LiveDomain> XenCalls::find(DomId domid)
{
    xc_domaininfo_t info{};
    const int n = xc_domain_getinfolist(xc_, domid.value, 1, &info);
    if (n < 0)
        return xen_error("look at", domid, errno);
    // The call answers with the next domain when this one is gone.
    if (n != 1 || info.domain != domid.value)
        return xen_error("look at", domid, ESRCH);
    return live(info);
}

Outcome<Unit> XenCalls::pause(DomId domid)
{
    if (xc_domain_pause(xc_, domid.value) != 0)
        return xen_error("pause", domid, errno);
    return Unit{};
}

Outcome<Unit> XenCalls::unpause(DomId domid)
{
    if (xc_domain_unpause(xc_, domid.value) != 0)
        return xen_error("unpause", domid, errno);
    return Unit{};
}

Outcome<Unit> XenCalls::destroy(DomId domid)
{
    int rc = 0;
    do
        rc = xc_domain_destroy(
            xc_, domid.value
        ); // libxc repeats on EAGAIN already; older ones do not
    while (rc != 0 && errno == EAGAIN);
    if (rc != 0)
        return xen_error("destroy", domid, errno);
    return Unit{};
}

Outcome<Unit> XenCalls::set_handle(DomId domid, const rpc::Uuid& uuid)
{
    xen_domain_handle_t handle{};
    std::copy(uuid.bytes.begin(), uuid.bytes.end(), std::begin(handle));
    if (xc_domain_sethandle(xc_, domid.value, handle) != 0)
        return xen_error("set the uuid of", domid, errno);
    return Unit{};
}

Outcome<Unit> XenCalls::set_max_memory(DomId domid, std::uint64_t kib)
{
    if (xc_domain_setmaxmem(xc_, domid.value, kib) != 0)
        return xen_error("set the memory limit of", domid, errno);
    return Unit{};
}

Outcome<std::vector<std::uint32_t>> XenCalls::node_of_cpus()
{
    unsigned count = 0;
    if (xc_cputopoinfo(xc_, &count, nullptr) != 0)
        return xen_error("read the CPU topology", std::nullopt, errno);
    std::vector<xc_cputopo_t> topology(count);
    if (count > 0 && xc_cputopoinfo(xc_, &count, topology.data()) != 0)
        return xen_error("read the CPU topology", std::nullopt, errno);
    std::vector<std::uint32_t> nodes;
    for (unsigned i = 0; i < std::min<std::size_t>(count, topology.size()); ++i)
        nodes.push_back(topology[i].node);
    return nodes;
}

// A bitmap as xc_vcpu_setaffinity takes it; "all" is every bit, also those of CPUs not plugged yet.
Outcome<std::vector<std::uint8_t>> XenCalls::mask(const std::string& cpus)
{
    const int bytes = xc_get_cpumap_size(xc_);
    if (bytes <= 0)
        return xen_error("ask for the number of CPUs", std::nullopt, errno);
    std::vector<std::uint8_t> map(static_cast<std::size_t>(bytes), cpus == "all" ? 0xff : 0);
    if (cpus == "all")
        return map;
    const auto nodes = TRY(node_of_cpus());
    const auto set = TRY(parse_cpus(cpus, nodes));
    for (std::size_t i = 0; i < std::min(set.size(), map.size() * 8); ++i)
        if (set[i])
            map[i / 8] = static_cast<std::uint8_t>(map[i / 8] | (1U << (i % 8)));
    return map;
}

Outcome<Unit> XenCalls::set_affinity(
    DomId domid,
    std::uint32_t first,
    std::uint32_t last,
    const std::optional<std::string>& hard,
    const std::optional<std::string>& soft
)
{
    const std::uint32_t flags =
        (hard ? XEN_VCPUAFFINITY_HARD : 0U) | (soft ? XEN_VCPUAFFINITY_SOFT : 0U);
    if (flags == 0)
        return Unit{};
    const auto hard_map = TRY(mask(hard.value_or("all")));
    const auto soft_map = TRY(mask(soft.value_or("all")));
    for (std::uint32_t vcpu = first; vcpu <= last; ++vcpu) {
        // The call answers with the effective masks in the same places.
        auto hard_copy = hard_map;
        auto soft_copy = soft_map;
        if (xc_vcpu_setaffinity(
                xc_, domid.value, static_cast<int>(vcpu), hard_copy.data(), soft_copy.data(), flags
            ) != 0)
            return xen_error("pin vCPU " + std::to_string(vcpu) + " of", domid, errno);
    }
    return Unit{};
}

Outcome<rpc::SchedConfig> XenCalls::scheduler(DomId domid)
{
    xen_domctl_sched_credit2 credit2{};
    if (xc_sched_credit2_domain_get(xc_, domid.value, &credit2) != 0)
        return xen_error("read the credit2 parameters of", domid, errno);
    return rpc::SchedConfig{credit2.weight, credit2.cap};
}

Outcome<Unit> XenCalls::set_scheduler(DomId domid, const rpc::SchedConfig& parameters)
{
    if (!parameters.weight && !parameters.cap)
        return Unit{};
    const auto now = TRY(scheduler(domid));
    const auto weight = parameters.weight.value_or(*now.weight);
    const auto cap = parameters.cap.value_or(*now.cap);
    if (weight < 1 || weight > 65535 || cap > 65535)
        return Error{
            Code::usage, "scheduler: weight is 1 to 65535, cap 0 (none) to 65535 percent", {}};
    xen_domctl_sched_credit2 credit2{
        static_cast<std::uint16_t>(weight), static_cast<std::uint16_t>(cap)};
    if (xc_sched_credit2_domain_set(xc_, domid.value, &credit2) != 0)
        return xen_error("set the credit2 parameters of", domid, errno);
    return Unit{};
}

Outcome<std::vector<rpc::VcpuView>> XenCalls::vcpus(DomId domid)
{
    const LiveDomain domain = TRY(find(domid));
    const std::size_t cpus = TRY(node_of_cpus()).size();
    const int bytes = xc_get_cpumap_size(xc_);
    if (bytes <= 0)
        return xen_error("ask for the number of CPUs", domid, errno);
    std::vector<std::uint8_t> hard(static_cast<std::size_t>(bytes)), soft(hard);
    std::vector<rpc::VcpuView> views;
    for (std::uint32_t id = 0; id <= domain.max_vcpu_id; ++id) {
        xc_vcpuinfo_t info{};
        if (xc_vcpu_getinfo(xc_, domid.value, id, &info) != 0) {
            if (errno == ESRCH)
                continue; // vCPUs may have holes
            return xen_error("read vCPU " + std::to_string(id) + " of", domid, errno);
        }
        if (xc_vcpu_getaffinity(
                xc_,
                domid.value,
                static_cast<int>(id),
                hard.data(),
                soft.data(),
                XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT
            ) != 0)
            return xen_error(
                "read the affinity of vCPU " + std::to_string(id) + " of", domid, errno
            );
        rpc::VcpuView view;
        view.id = id;
        view.cpu = info.online != 0 ? static_cast<std::int32_t>(info.cpu) : -1;
        view.online = info.online != 0;
        view.blocked = info.blocked != 0;
        view.running = info.running != 0;
        view.cpu_time_ns = info.cpu_time;
        view.hard_affinity = format_cpus(set_of(hard), cpus);
        view.soft_affinity = format_cpus(set_of(soft), cpus);
        views.push_back(std::move(view));
    }
    return views;
}

Outcome<std::string> XenCalls::dmesg(bool clear)
{
    // The ring is conring_size, 16 KiB by default and 64 KiB to 8 MiB on large hosts.
    constexpr std::size_t kPiece = 16384, kMost = 8U << 20;
    std::string text;
    std::uint32_t index = 0;
    while (text.size() < kMost) {
        const std::size_t at = text.size();
        text.resize(at + kPiece);
        unsigned count = kPiece;
        if (xc_readconsolering(xc_, text.data() + at, &count, 0, 1, &index) != 0)
            return xen_error("read Xen's messages", std::nullopt, errno);
        text.resize(at + count);
        if (count == 0)
            break;
    }
    if (clear) {
        unsigned count = 1;
        char byte = 0;
        if (xc_readconsolering(xc_, &byte, &count, 1, 0, nullptr) != 0)
            return xen_error("clear Xen's messages", std::nullopt, errno);
    }
    return text;
}

Outcome<std::uint32_t> XenCalls::hearing(DomId domid, EventPort port)
{
    xc_evtchn_status_t theirs{};
    theirs.dom = static_cast<domid_t>(domid.value);
    theirs.port = port.value;
    if (xc_evtchn_status(xc_, &theirs) != 0)
        return xen_error("look at an event channel of", domid, errno);
    if (theirs.status != EVTCHNSTAT_interdomain || theirs.u.interdomain.dom != 0)
        return Error{Code::not_found, "the event channel does not lead here", {}};
    xc_evtchn_status_t ours{};
    ours.dom = DOMID_SELF;
    ours.port = theirs.u.interdomain.port;
    if (xc_evtchn_status(xc_, &ours) != 0)
        return xen_error("look at an event channel of", std::nullopt, errno);
    return ours.vcpu;
}

Outcome<std::uint64_t> XenCalls::free_memory()
{
    xc_physinfo_t info{};
    if (xc_physinfo(xc_, &info) != 0)
        return xen_error("ask for the free memory", std::nullopt, errno);
    const std::uint64_t pages = info.free_pages + info.scrub_pages;
    return (pages - std::min<std::uint64_t>(pages, info.outstanding_pages)) * kPageSize;
}

} // namespace zocalo::toolstack
