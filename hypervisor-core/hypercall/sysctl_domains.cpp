// SPDX-License-Identifier: Apache-2.0
// Sysctls that list: domains, and what the console said.
#include "hypervisor-core/console/log.hpp"
#include "hypervisor-core/hypercall/domctl.hpp"
#include "hypervisor-core/hypercall/sysctl.hpp"
#include "hypervisor-core/mm/audit.hpp"

#include <algorithm>

namespace zocalo::hv {
namespace {

void dump_domain(const Domain& domain)
{
    log("domain ",
        domain.id.value,
        ": frames ",
        domain.memory.count,
        " of ",
        domain.memory.limit,
        ", pauses ",
        domain.pauses,
        domain.dying ? ", dying" : "",
        domain.shut_down ? ", shut down" : "",
        ", weight ",
        domain.sched.weight,
        ", cap ",
        domain.sched.cap,
        ", grants in use ",
        domain.grants.in_use());
    for (const Vcpu* vcpu : domain.vcpus)
        if (vcpu != nullptr)
            log("  vcpu ",
                vcpu->id,
                ": processor ",
                vcpu->sched.cpu,
                vcpu->sched.running    ? ", runs"
                : vcpu->sched.runnable ? ", waits"
                                       : ", sleeps",
                ", holds ",
                vcpu->holds,
                ", rip ",
                hex(vcpu->regs.rip));
}

void dump_memory(const System& system)
{
    log("free frames: ",
        system.memory.buddy().free_frames(),
        ", largest order ",
        system.memory.buddy().largest_order());
}

void handle_key(System& system, char key)
{
    switch (key) {
    case 'q':
        for (const Domain* domain : system.domains)
            if (domain != nullptr)
                dump_domain(*domain);
        return;
    case 'm':
        dump_memory(system);
        return;
    case 'o':
        if (!audit_and_tell(system.memory))
            log("page tables: no memory to count mappings in");
        return;
    case 'C':
        log("debug key C: the hypervisor is to fail");
        hal::crash();
    case 'h':
        log("debug keys: h this, C crash with a report, m memory, o page tables' audit, q domains");
        return;
    default:
        log("debug key ", std::string_view{&key, 1}, " does nothing; h lists those that do");
        return;
    }
}

} // namespace

Answer sysctl::domain_list(Sysctl& ctl)
{
    xen_sysctl_getdomaininfolist& args = ctl.op.u.getdomaininfolist;
    const GuestArray<xen_domctl_getdomaininfo> items{address_of(args.buffer)};
    args.num_domains = 0;
    for (std::size_t id = args.first_domain; id < kMaxDomains; ++id) {
        if (args.num_domains == args.max_domains)
            break;
        if (const Domain* const domain = ctl.system().domains[id]; domain != nullptr)
            TRY(items[args.num_domains++].copy_out(describe(*domain)));
    }
    return ctl.with_answer();
}

Answer sysctl::read_console(Sysctl& ctl)
{
    xen_sysctl_readconsole& args = ctl.op.u.readconsole;
    ConsoleRing& ring = hal::console_ring();
    const GuestArray<char> to{address_of(args.buffer)};
    std::uint64_t from = ring.begin();
    if (args.incremental != 0) {
        // The tools have 32 bits of our position: those of the newest one that fits.
        const auto behind = static_cast<std::uint32_t>(ring.end()) - args.index;
        if (behind <= ring.end() - ring.begin())
            from = ring.end() - behind;
    }
    // When there is too much, the newest.
    if (ring.end() - from > args.count && args.incremental == 0)
        from = ring.end() - args.count;
    std::uint32_t count = 0;
    for (; from < ring.end() && count < args.count; ++from, ++count)
        TRY(to[count].copy_out(ring.at(from)));
    args.count = count;
    args.index = static_cast<std::uint32_t>(from);
    if (args.clear != 0)
        ring.clear();
    return ctl.with_answer();
}

Answer sysctl::debug_keys(Sysctl& ctl)
{
    constexpr std::uint32_t kMost = 32;
    const xen_sysctl_debug_keys& args = ctl.op.u.debug_keys;
    const GuestArray<char> keys{address_of(args.keys)};
    for (std::uint32_t i = 0; i < std::min(args.nr_keys, kMost); ++i)
        handle_key(ctl.system(), TRY(keys[i].copy_in()));
    return 0;
}

} // namespace zocalo::hv
