// SPDX-License-Identifier: Apache-2.0
// What only dom0 may ask is refused to every other domain, with whatever arguments. Class:
// privilege checks.
#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/trap.hpp"
#include "tests/guest/lib/verdict.hpp"

#include <xen/domctl.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/sysctl.h>

namespace zocalo::guest {
namespace {

Page buffer;

void check_control()
{
    static xen_domctl domain;
    for (const std::uint32_t cmd :
         {1U, 2U, 3U, 4U, 5U, 9U, 11U, 12U, 13U, 15U, 35U, 61U, 83U, 500U}) {
        domain = {};
        domain.cmd = cmd;
        domain.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
        check(hypercall(__HYPERVISOR_domctl, &domain) < 0, "domctl ", cmd);
    }
    static xen_sysctl system;
    for (const std::uint32_t cmd : {1U, 3U, 4U, 6U, 10U, 16U, 17U, 18U, 27U, 500U}) {
        system = {};
        system.cmd = cmd;
        system.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
        check(hypercall(__HYPERVISOR_sysctl, &system) < 0, "sysctl ", cmd);
    }
    static xen_platform_op platform;
    platform.cmd = XENPF_settime64;
    platform.interface_version = XENPF_INTERFACE_VERSION;
    check(hypercall(__HYPERVISOR_platform_op, &platform) < 0, "platform_op");
    same(hypercall(__HYPERVISOR_domctl, 0xffff830000000000), kFault, "domctl at a wild pointer");
    same(hypercall(__HYPERVISOR_sysctl, 0xffff830000000000), kFault, "sysctl at a wild pointer");
}

void check_machine()
{
    physdev_map_pirq map_args{};
    map_args.domid = DOMID_SELF;
    map_args.type = MAP_PIRQ_TYPE_GSI;
    map_args.index = 4;
    map_args.pirq = 4;
    check(hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_map_pirq, &map_args) < 0, "map_pirq");
    physdev_setup_gsi gsi{4, 0, 0};
    check(hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_setup_gsi, &gsi) < 0, "setup_gsi");
    physdev_apic apic{0xfec00000, 0, 0};
    check(hypercall(__HYPERVISOR_physdev_op, PHYSDEVOP_apic_write, &apic) < 0, "apic_write");
    xen_memory_map memory{};
    memory.nr_entries = 1;
    memory.buffer.p = &buffer;
    check(
        hypercall(__HYPERVISOR_memory_op, XENMEM_machine_memory_map, &memory) < 0,
        "machine_memory_map"
    );
    check(hypercall(__HYPERVISOR_console_io, 1, 16, &buffer) < 0, "reading the console");
}

void check_others()
{
    for (const domid_t domain : {domid_t{0}, domid_t{999}}) {
        xen_memory_reservation memory{};
        memory.domid = domain;
        memory.nr_extents = 1;
        memory.extent_start.p = buffer.words.data();
        check(
            hypercall(__HYPERVISOR_memory_op, XENMEM_populate_physmap, &memory) <= 0,
            "memory for others"
        );
        check(
            hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, &memory) <= 0,
            "memory of others"
        );
        xen_memory_domain asked{domain};
        check(
            hypercall(__HYPERVISOR_memory_op, XENMEM_current_reservation, &asked) < 0,
            "how much others have"
        );
        sched_remote_shutdown end{};
        end.domain_id = domain;
        end.reason = SHUTDOWN_crash;
        check(
            hypercall(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, &end) < 0,
            "shutting down others"
        );
    }
    xen_mem_acquire_resource resource{};
    resource.domid = 0;
    resource.type = XENMEM_resource_grant_table;
    resource.nr_frames = 1;
    resource.frame_list.p = buffer.words.data();
    check(
        hypercall(__HYPERVISOR_memory_op, XENMEM_acquire_resource, &resource) < 0,
        "dom0's grant table"
    );
}

} // namespace

void test()
{
    check_control();
    check_machine();
    check_others();
}

} // namespace zocalo::guest
