// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/x86_64/boot/other_cpus.hpp"

#include "hypervisor-core/arch/x86_64/cpu/cpu_area.hpp"
#include "hypervisor-core/arch/x86_64/cpu/descriptors.hpp"
#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"
#include "hypervisor-core/arch/x86_64/cpu/local_apic.hpp"
#include "hypervisor-core/arch/x86_64/entry/work.hpp"
#include "hypervisor-core/console/log.hpp"
#include "hypervisor-core/hal/memory.hpp"

#include <atomic>
#include <cstring>

extern "C" char other_cpu_start[], other_cpu_start_end[];
extern "C" std::uint64_t other_cpu_stack, other_cpu_root;

namespace zocalo::hv {
namespace {

// Where real mode begins: a page of conventional memory nobody else uses.
constexpr std::uint8_t kStartPage = 8;
constexpr std::uint64_t kMillisecond = 1'000'000;

// How many processors run; each adds itself.
constinit std::atomic<unsigned> running{1};

void wait(std::uint64_t nanoseconds)
{
    const std::uint64_t end = hal::now() + nanoseconds;
    while (hal::now() < end)
        x86::pause();
}

bool wait_until_running(unsigned count, std::uint64_t nanoseconds)
{
    const std::uint64_t end = hal::now() + nanoseconds;
    while (hal::now() < end) {
        if (running.load() >= count)
            return true;
        x86::pause();
    }
    return false;
}

// INIT, start-up, and start-up again if need be: Intel SDM volume 3, section 8.4.4.1.
bool start_cpu(System& system, unsigned cpu)
{
    Mapper mapper{system.memory, system.root};
    make_cpu_area(system, mapper, cpu);
    other_cpu_root = system.root.value << kPageShift;
    other_cpu_stack = stack_end(cpu);
    const std::uint32_t target = system.cpus[cpu].apic_id;
    local_apic::send_init(target);
    wait(10 * kMillisecond);
    local_apic::send_startup(target, kStartPage);
    if (wait_until_running(cpu + 1, 100 * kMillisecond))
        return true;
    local_apic::send_startup(target, kStartPage);
    return wait_until_running(cpu + 1, 2000 * kMillisecond);
}

} // namespace

extern "C" [[noreturn]] void start_other_cpu()
{
    load_cpu_tables(cpu_top().id);
    local_apic::start();
    running.fetch_add(1);
    run_guests();
}

void start_other_cpus(System& system, unsigned most)
{
    std::memcpy(
        hal::machine_bytes(std::uint64_t{kStartPage} << kPageShift),
        other_cpu_start,
        static_cast<std::size_t>(other_cpu_start_end - other_cpu_start)
    );
    CpuMask online = 1;
    for (unsigned cpu = 1; cpu < system.acpi.processor_count && cpu < most; ++cpu) {
        if (!start_cpu(system, cpu)) {
            log("processor ", cpu, " does not start: going on with ", system.cpu_count);
            break;
        }
        ++system.cpu_count;
        online |= CpuMask{1} << cpu;
    }
    system.memory.frames().set_online(online);
    system.scheduler.set_online(online);
    log(system.cpu_count, " processors run");
}

} // namespace zocalo::hv
