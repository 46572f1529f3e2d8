// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_platform_op: dom0 and the machine: clock, processors, sleep.
#include "hypervisor-core/console/log.hpp"
#include "hypervisor-core/domain/guest_time.hpp"
#include "hypervisor-core/hal/devices.hpp"
#include "hypervisor-core/hypercall/handlers.hpp"

#include <xen/platform.h>

namespace zocalo::hv {
namespace {

Answer set_time(Call& call, const xenpf_settime64& args)
{
    constexpr std::uint64_t kSecond = 1'000'000'000;
    if (args.mbz != 0 || args.nsecs >= kSecond)
        return Errno::inval;
    call.system.wall_base = args.secs * kSecond + args.nsecs - args.system_time;
    for (Domain* domain : call.system.domains)
        if (domain != nullptr)
            publish_wall_clock(call.system, *domain);
    return 0;
}

Answer cpu_info(Call& call, xen_platform_op& op)
{
    xenpf_pcpuinfo& info = op.u.pcpu_info;
    const std::uint32_t cpu = info.xen_cpuid;
    info.max_present = call.system.cpu_count - 1;
    info.flags = XEN_PCPU_FLAGS_INVALID;
    if (cpu < call.system.cpu_count) {
        info.flags = XEN_PCPU_FLAGS_ONLINE;
        info.apic_id = call.system.cpus[cpu].apic_id;
        info.acpi_id = call.system.cpus[cpu].acpi_id;
    }
    return call.ref<xen_platform_op>(0).copy_out(op);
}

Answer sleep(Call& call, const xenpf_enter_acpi_sleep& args)
{
    constexpr std::uint32_t kSoftOff = 5;
    if (args.sleep_state != kSoftOff || (args.flags & XENPF_ACPI_SLEEP_EXTENDED) != 0)
        return Errno::opnotsupp;
    log("dom0 switches the machine off");
    const AcpiInfo& acpi = call.system.acpi;
    constexpr std::uint16_t kSleepEnable = 1 << 13;
    if (acpi.pm1a_control != 0)
        hal::write_port(acpi.pm1a_control, args.val_a | kSleepEnable, 2);
    if (acpi.pm1b_control != 0)
        hal::write_port(acpi.pm1b_control, args.val_b | kSleepEnable, 2);
    return 0;
}

} // namespace

Answer hypercall::platform_op(Call& call)
{
    if (!call.domain().privileged)
        return Errno::perm;
    auto op = TRY(call.ref<xen_platform_op>(0).copy_in());
    if (op.interface_version != XENPF_INTERFACE_VERSION)
        return Errno::acces;
    switch (op.cmd) {
    case XENPF_settime64:
        return set_time(call, op.u.settime64);
    case XENPF_firmware_info:
        return Errno::srch; // no EDD, no EFI: the tables of this firmware name none
    case XENPF_get_cpuinfo:
        return cpu_info(call, op);
    case XENPF_enter_acpi_sleep:
        return sleep(call, op.u.enter_acpi_sleep);
    default:
        return Errno::nosys;
    }
}

} // namespace zocalo::hv
