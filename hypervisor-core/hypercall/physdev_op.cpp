// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_physdev_op: dom0 and the machine's interrupts.
#include "hypervisor-core/domain/pirq.hpp"
#include "hypervisor-core/hal/interrupts.hpp"
#include "hypervisor-core/hypercall/handlers.hpp"

#include <xen/physdev.h>

namespace zocalo::hv {
namespace {

Answer set_iopl(Call& call)
{
    const auto args = TRY(call.ref<physdev_set_iopl>(1).copy_in());
    if (args.iopl > 3)
        return Errno::inval;
    call.vcpu.pv.io_privilege = args.iopl;
    return 0;
}

// Which ports the guest's user space may use below privilege level 3.
Answer set_io_bitmap(Call& call)
{
    constexpr std::uint32_t kPorts = 1 << 16;
    const auto args = TRY(call.ref<physdev_set_iobitmap>(1).copy_in());
    if (args.nr_ports > kPorts)
        return Errno::inval;
    call.vcpu.pv.io_bitmap = reinterpret_cast<std::uint64_t>(args.bitmap.p);
    call.vcpu.pv.io_bitmap_ports = args.nr_ports;
    return 0;
}

// dom0 has found configuration space in memory; nodev: the firmware told us of none there.
Answer pci_mmcfg_reserved(Call& call)
{
    const auto args = TRY(call.ref<physdev_pci_mmcfg_reserved>(1).copy_in());
    const AcpiInfo& acpi = call.system.acpi;
    const AcpiInfo::ConfigSpace asked{args.address, args.segment, args.start_bus, args.end_bus};
    for (unsigned i = 0; i < acpi.config_space_count; ++i)
        if (acpi.config_spaces[i] == asked)
            return 0;
    return Errno::nodev;
}

Answer apic_read(Call& call)
{
    auto args = TRY(call.ref<physdev_apic>(1).copy_in());
    const auto value = hal::read_io_apic(args.apic_physbase, args.reg);
    if (!value)
        return Errno::inval;
    args.value = *value;
    return call.ref<physdev_apic>(1).copy_out(args);
}

Answer irq_status(Call& call)
{
    auto args = TRY(call.ref<physdev_irq_status_query>(1).copy_in());
    if (args.irq >= call.system.pirqs.size())
        return Errno::inval;
    args.flags = hal::pirq_needs_end(args.irq) ? XENIRQSTAT_needs_eoi : 0;
    return call.ref<physdev_irq_status_query>(1).copy_out(args);
}

Answer alloc_irq_vector(Call& call)
{
    auto args = TRY(call.ref<physdev_irq>(1).copy_in());
    if (args.irq >= hal::gsi_count())
        return Errno::inval;
    args.vector = args.irq + 0x40; // any number will do: the vector is ours
    return call.ref<physdev_irq>(1).copy_out(args);
}

Answer setup_gsi(Call& call)
{
    const auto args = TRY(call.ref<physdev_setup_gsi>(1).copy_in());
    const auto gsi = static_cast<std::uint32_t>(args.gsi);
    return hal::set_up_gsi(gsi, args.triggering != 0, args.polarity != 0) ? Answer{0}
                                                                          : Answer{Errno::inval};
}

Result<std::uint32_t> free_msi_pirq(const System& system)
{
    constexpr std::uint32_t kInt80 = 64; // its vector would be 0x80, a system call's
    for (std::uint32_t pirq = hal::gsi_count(); pirq < system.pirqs.size(); ++pirq)
        if (!system.pirqs[pirq].mapped && pirq != kInt80)
            return pirq;
    return Errno::nospc;
}

Result<std::uint32_t> map_gsi(Call& call, const physdev_map_pirq& args)
{
    const auto gsi = static_cast<std::uint32_t>(args.index);
    if (gsi >= hal::gsi_count() || (args.pirq >= 0 && args.pirq != args.index))
        return Errno::inval;
    call.system.pirqs[gsi].mapped = true;
    return gsi;
}

Result<std::uint32_t> map_msi(Call& call, const physdev_map_pirq& args)
{
    const std::uint32_t pirq =
        args.pirq >= 0 ? static_cast<std::uint32_t>(args.pirq) : TRY(free_msi_pirq(call.system));
    if (pirq < hal::gsi_count() || pirq >= call.system.pirqs.size())
        return Errno::inval;
    const auto bus = static_cast<std::uint32_t>(args.bus);
    const hal::MsiSource source{
        .segment = static_cast<std::uint16_t>(args.type == MAP_PIRQ_TYPE_MSI_SEG ? bus >> 16 : 0),
        .bus = static_cast<std::uint8_t>(bus),
        .devfn = static_cast<std::uint8_t>(args.devfn),
        .entry = static_cast<unsigned>(args.entry_nr),
        .table = args.table_base};
    if (!hal::set_up_msi(pirq, source))
        return Errno::nodev;
    call.system.pirqs[pirq].mapped = true;
    return pirq;
}

Answer map_pirq(Call& call)
{
    auto args = TRY(call.ref<physdev_map_pirq>(1).copy_in());
    if (args.domid != DOMID_SELF && args.domid != call.domain().id.value)
        return Errno::perm;
    switch (args.type) {
    case MAP_PIRQ_TYPE_GSI:
        args.pirq = static_cast<int>(TRY(map_gsi(call, args)));
        break;
    case MAP_PIRQ_TYPE_MSI:
    case MAP_PIRQ_TYPE_MSI_SEG:
        args.pirq = static_cast<int>(TRY(map_msi(call, args)));
        break;
    default:
        return Errno::opnotsupp;
    }
    return call.ref<physdev_map_pirq>(1).copy_out(args);
}

Answer unmap_pirq(Call& call)
{
    const auto args = TRY(call.ref<physdev_unmap_pirq>(1).copy_in());
    const auto pirq = static_cast<std::uint32_t>(args.pirq);
    if (pirq >= call.system.pirqs.size() || !call.system.pirqs[pirq].mapped)
        return Errno::inval;
    stop_pirq(call.system, pirq);
    if (pirq >= hal::gsi_count())
        hal::tear_down_msi(pirq);
    call.system.pirqs[pirq] = Pirq{};
    return 0;
}

Answer eoi(Call& call)
{
    const auto args = TRY(call.ref<physdev_eoi>(1).copy_in());
    return end_pirq(call.system, args.irq);
}

} // namespace

Answer hypercall::physdev_op(Call& call) // (readability-function-size): a table
{
    if (call.arguments[0] == PHYSDEVOP_set_iopl)
        return set_iopl(call);
    if (call.arguments[0] == PHYSDEVOP_set_iobitmap)
        return set_io_bitmap(call);
    if (!call.domain().privileged)
        return Errno::perm;
    switch (call.arguments[0]) {
    case PHYSDEVOP_irq_status_query:
        return irq_status(call);
    case PHYSDEVOP_apic_read:
        return apic_read(call);
    case PHYSDEVOP_alloc_irq_vector:
        return alloc_irq_vector(call);
    case PHYSDEVOP_eoi:
        return eoi(call);
    case PHYSDEVOP_map_pirq:
        return map_pirq(call);
    case PHYSDEVOP_unmap_pirq:
        return unmap_pirq(call);
    case PHYSDEVOP_setup_gsi:
        return setup_gsi(call);
    case PHYSDEVOP_pci_mmcfg_reserved:
        return pci_mmcfg_reserved(call);
    case PHYSDEVOP_pci_device_add:
    case PHYSDEVOP_pci_device_remove:
    case PHYSDEVOP_prepare_msix:
    case PHYSDEVOP_release_msix:
        return 0; // devices are found by their address when their interrupts are set up
    default:
        return Errno::nosys;
    }
}

} // namespace zocalo::hv
