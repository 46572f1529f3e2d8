// SPDX-License-Identifier: Apache-2.0
// The tools' hypercalls by a dom0 that has lost its mind: domains made, filled, started, stopped,
// ended in any order and with any arguments. Whatever it asks for: counts agree with the page
// tables, and when all are ended no frame is lost.
#include "hypervisor-core/pv/extended_state.hpp"
#include "tests/fuzz/hostile_guest.hpp"

#include <xen/domctl.h>
#include <xen/memory.h>

#include <algorithm>
#include <cstring>

namespace zocalo::hv {
namespace {

constexpr std::uint64_t kArgument = FakeMachine::kGuestStart;
constexpr std::uint64_t kBuffer = FakeMachine::kGuestStart + 0x2000;
constexpr std::uint16_t kFirst = 2, kDomains = 3; // the numbers it gives

struct Machine : HostileGuest {
    Domain& dom0 = *system->domain(kDom0);
    Vcpu& caller = **create_vcpu(*system, dom0, 0, 0);
    std::uint64_t before = system->memory.buddy().free_frames();

    Machine()
    {
        dom0.privileged = true;
        fake_machine().extended_features = pv::kOfferedFeatures;
    }

    void domctl(std::uint32_t cmd, std::uint16_t id, const std::uint8_t* bytes, std::size_t count)
    {
        xen_domctl op{};
        std::memcpy(&op.u, bytes, std::min(count, sizeof(op.u)));
        op.cmd = cmd;
        op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
        op.domain = id;
        if (cmd == XEN_DOMCTL_createdomain) {
            const std::uint32_t vcpus = op.u.createdomain.max_vcpus % 4;
            op.u.createdomain = {};
            op.u.createdomain.max_vcpus = vcpus;
            op.u.createdomain.max_grant_frames = op.u.createdomain.max_maptrack_frames = 2;
            op.u.createdomain.max_evtchn_port = ~0U;
            op.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(2);
        }
        if (cmd == XEN_DOMCTL_setvcpucontext || cmd == XEN_DOMCTL_getvcpucontext)
            op.u.vcpucontext.ctxt.p = reinterpret_cast<vcpu_guest_context_t*>(kBuffer);
        if (cmd == XEN_DOMCTL_setvcpuextstate || cmd == XEN_DOMCTL_getvcpuextstate) {
            op.u.vcpuextstate.buffer.p = reinterpret_cast<std::uint64_t*>(kBuffer);
            op.u.vcpuextstate.size %= 1024;
            op.u.vcpuextstate.xfeature_mask %= 16;
        }
        if (cmd == XEN_DOMCTL_max_mem)
            op.u.max_mem.max_memkb %= 200;
        std::memcpy(fake_machine().guest.data(), &op, sizeof(op));
        call_as(caller, __HYPERVISOR_domctl, {kArgument});
    }
    // Memory for one of them, or its end: what of it dom0 may ask in its name.
    void memory(unsigned operation, std::uint16_t id, const std::uint8_t* bytes)
    {
        xen_memory_reservation args{};
        args.extent_start.p = reinterpret_cast<xen_pfn_t*>(kBuffer);
        args.nr_extents = bytes[0] % 16;
        args.extent_order = bytes[1] % 4;
        args.domid = id;
        std::memcpy(fake_machine().guest.data(), &args, sizeof(args));
        call_as(caller, __HYPERVISOR_memory_op, {operation, kArgument});
    }

    void end_all()
    {
        for (std::uint16_t id = kFirst; id < kFirst + kDomains; ++id)
            if (Domain* const domain = system->domain(DomId{id}); domain != nullptr) {
                for (const Vcpu* const vcpu : domain->vcpus)
                    if (vcpu != nullptr && !pv::is_xcr0(vcpu->pv.xcr0, pv::kOfferedFeatures))
                        std::abort();
                while (!destroy_step(*system, *domain)) {
                }
            }
        if (system->memory.buddy().free_frames() != before)
            std::abort();
    }
};

} // namespace
} // namespace zocalo::hv

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace zocalo::hv;
    Machine machine;
    constexpr std::uint32_t kCommands[] = {
        XEN_DOMCTL_createdomain,
        XEN_DOMCTL_max_vcpus,
        XEN_DOMCTL_max_mem,
        XEN_DOMCTL_pausedomain,
        XEN_DOMCTL_unpausedomain,
        XEN_DOMCTL_destroydomain,
        XEN_DOMCTL_setvcpucontext,
        XEN_DOMCTL_getvcpucontext,
        XEN_DOMCTL_setvcpuaffinity,
        XEN_DOMCTL_scheduler_op,
        XEN_DOMCTL_getpageframeinfo3,
        XEN_DOMCTL_resumedomain,
        XEN_DOMCTL_set_cpu_policy,
        XEN_DOMCTL_get_cpu_policy,
        XEN_DOMCTL_setvcpuextstate,
        XEN_DOMCTL_getvcpuextstate};
    // Records: what, to whom, then 30 bytes of arguments, which fill the buffer as well.
    constexpr std::size_t kRecord = 32, kArguments = kRecord - 2;
    for (std::size_t at = 0; at + kRecord <= size && at < 64 * kRecord; at += kRecord) {
        const std::uint8_t* const record = data + at;
        for (std::size_t to = 0; to + kArguments <= 0x1000; to += kArguments)
            std::copy_n(
                record + 2,
                kArguments,
                reinterpret_cast<std::uint8_t*>(fake_machine().guest.data()) + 0x2000 + to
            );
        const std::uint16_t id = kFirst + record[1] % kDomains;
        if (record[0] % 4 == 3)
            machine.memory(
                record[0] % 8 == 3 ? XENMEM_populate_physmap : XENMEM_decrease_reservation,
                id,
                record + 2
            );
        else
            machine.domctl(
                kCommands[record[0] / 4 % std::size(kCommands)], id, record + 2, kArguments
            );
        machine.check();
    }
    machine.end_all();
    return 0;
}
