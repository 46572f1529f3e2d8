// SPDX-License-Identifier: Apache-2.0
// From the first C++ instruction to the first guest instruction, in order.
#include "hypervisor-core/arch/x86_64/boot/machine_memory.hpp"
#include "hypervisor-core/arch/x86_64/boot/other_cpus.hpp"
#include "hypervisor-core/arch/x86_64/cpu/clock.hpp"
#include "hypervisor-core/arch/x86_64/cpu/console_lock.hpp"
#include "hypervisor-core/arch/x86_64/cpu/cpu_area.hpp"
#include "hypervisor-core/arch/x86_64/cpu/descriptors.hpp"
#include "hypervisor-core/arch/x86_64/cpu/features.hpp"
#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"
#include "hypervisor-core/arch/x86_64/cpu/local_apic.hpp"
#include "hypervisor-core/arch/x86_64/cpu/speculation.hpp"
#include "hypervisor-core/arch/x86_64/cpu/system_lock.hpp"
#include "hypervisor-core/arch/x86_64/drivers/interrupts.hpp"
#include "hypervisor-core/arch/x86_64/drivers/io_apic.hpp"
#include "hypervisor-core/arch/x86_64/drivers/serial.hpp"
#include "hypervisor-core/arch/x86_64/entry/work.hpp"
#include "hypervisor-core/arch/x86_64/mm/layout.hpp"
#include "hypervisor-core/boot/options.hpp"
#include "hypervisor-core/console/log.hpp"
#include "hypervisor-core/domain/dom0_build.hpp"
#include "hypervisor-core/domain/run_state.hpp"
#include "hypervisor-core/hal/devices.hpp"
#include "hypervisor-core/hal/memory.hpp"

extern "C" [[noreturn]] void call_on_stack(std::uint64_t stack, void (*function)());

namespace zocalo::hv {

const std::uintptr_t hal::direct_map = layout::kDirectMap;

void hal::write_console(std::string_view text)
{
    const ConsoleGuard lock;
    console_ring().append(text);
    serial::write(text);
}

namespace {

// The one object all share.
constinit System the_system{};
constinit Options options{};
constinit bool dom0_has_run = false;

void wait_seconds(std::uint64_t seconds)
{
    const std::uint64_t start = x86::tsc();
    while (x86::tsc() - start < seconds * the_system.tsc_hertz)
        x86::pause();
}

} // namespace

void hal::crash()
{
    asm volatile("ud2");
    __builtin_unreachable();
}

void hal::panic(std::string_view why)
{
    serial::write("(zocalo) panic: ");
    serial::write(why);
    // Before dom0 runs, starting again would only lead here again.
    if (!options.stays_down && dom0_has_run) {
        constexpr std::uint64_t kToRead = 5;
        serial::write("\n(zocalo) the machine starts again in 5 s (noreboot: it would not)\n");
        wait_seconds(kToRead);
        hal::reboot();
    }
    serial::write("\n(zocalo) the machine is stopped\n");
    x86::stop();
}

namespace {

constexpr std::uint64_t kLocalApic = layout::kDevices;
constexpr std::uint64_t kHpet = layout::kDevices + kPageSize;
constexpr std::uint64_t kIoApics = kHpet + kPageSize;

void map_controllers(System& system, Mapper& mapper)
{
    const AcpiInfo& acpi = system.acpi;
    mapper.map(kLocalApic, acpi.local_apic, kPageSize, kDevice);
    system.tables.forbid_io(Mfn{acpi.local_apic >> kPageShift});
    if (acpi.hpet != 0) // to measure with; dom0 may have it
        mapper.map(kHpet, acpi.hpet & ~(kPageSize - 1), kPageSize, kDevice);
    for (unsigned i = 0; i < acpi.io_apic_count; ++i) {
        mapper.map(kIoApics + i * kPageSize, acpi.io_apics[i].address, kPageSize, kDevice);
        system.tables.forbid_io(Mfn{acpi.io_apics[i].address >> kPageShift});
    }
}

void find_processors(System& system)
{
    const AcpiInfo& acpi = system.acpi;
    for (unsigned i = 0; i < acpi.processor_count; ++i) {
        system.cpus[i].apic_id = acpi.processors[i].apic_id;
        system.cpus[i].acpi_id = acpi.processors[i].acpi_id;
    }
}

std::uint64_t dom0_bytes(const System& system)
{
    constexpr std::uint64_t kLeft = 64 << 20; // for page tables and domains of our own
    const std::uint64_t free = system.memory.buddy().free_frames() << kPageShift;
    const std::uint64_t most = free > kLeft ? free - kLeft : 0;
    return options.dom0_bytes != 0 && options.dom0_bytes < most ? options.dom0_bytes : most;
}

// Further processors are idle already, and wait for the lock.
void start_dom0(System& system)
{
    const SystemGuard lock;
    const unsigned vcpus = options.dom0_vcpus != 0 ? options.dom0_vcpus : system.cpu_count;
    const auto dom0 = build_dom0(system, {dom0_bytes(system), vcpus});
    if (!dom0)
        panic("cannot start dom0: ", dom0.error().what, "; ", dom0.error().advice);
    free_modules(system);
    dom0_has_run = true;
    unpause_domain(system, **dom0);
}

// On the first processor's own stack, with the final page tables.
[[noreturn]] void start_on_own_stack()
{
    System& system = the_system;
    load_cpu_tables(0);
    share_console();
    local_apic::set_base(kLocalApic);
    silence_pics();
    local_apic::start();
    io_apic::start(system.acpi, kIoApics);
    start_clock(system, system.acpi.hpet == 0 ? 0 : kHpet + system.acpi.hpet % kPageSize);

    start_other_cpus(system, options.processors);
    start_dom0(system);
    run_guests();
}

} // namespace

ConsoleRing& hal::console_ring()
{
    return the_system.console;
}

extern "C" [[noreturn]] void start_hypervisor(std::uint32_t magic, std::uint32_t info)
{
    serial::start();
    log("zocalo hypervisor-core 0.1");
    System& system = the_system;
    if (!read_multiboot(magic, info, system.boot))
        panic("not started by a Multiboot loader with a memory map: use GRUB or qemu -kernel");
    options = parse_options(system.boot.command_line.view());
    if (!options.first_unknown.empty())
        log("unknown option '", options.first_unknown, "' ignored: see hypervisor-core/README.md");
    require_features();
    choose_defences(options);
    system.acpi = read_acpi();
    if (!system.acpi.found)
        panic("the firmware has no ACPI tables: processors and interrupts cannot be found");
    find_processors(system);
    find_memory(system);
    system.root = map_hypervisor(system);
    Mapper mapper{system.memory, system.root};
    make_cpu_area(system, mapper, 0);
    map_controllers(system, mapper);
    x86::write_cr3(system.root.value << kPageShift);
    system.tables.set_hypervisor_slots(
        hal::table_entries(system.root).subspan<layout::kFirstSlot, 16>()
    );
    call_on_stack(stack_end(0), start_on_own_stack);
}

} // namespace zocalo::hv
