// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/domain/guest_time.hpp"

#include "hypervisor-core/hal/memory.hpp"

#include <atomic>

namespace zocalo::hv {
namespace {

// An odd version tells readers that the rest is changing.
void begin(std::uint32_t& version)
{
    std::atomic_ref<std::uint32_t>{version}.store(version | 1, std::memory_order_seq_cst);
}
void finish(std::uint32_t& version)
{
    std::atomic_ref<std::uint32_t>{version}.store(version + 1, std::memory_order_seq_cst);
}

} // namespace

void publish_time(const System& system, Vcpu& vcpu)
{
    vcpu_time_info& time = vcpu.info->time;
    if (time.tsc_timestamp == system.clock_tsc && time.tsc_to_system_mul == system.clock.multiplier)
        return;
    begin(time.version);
    time.tsc_timestamp = system.clock_tsc;
    time.system_time = 0;
    time.tsc_to_system_mul = system.clock.multiplier;
    time.tsc_shift = system.clock.shift;
    time.flags = 0;
    finish(time.version);
}

void publish_run_state(Vcpu& vcpu)
{
    if (vcpu.runstate_area == 0)
        return;
    vcpu.runstate_waits = !vcpu.pv.in_kernel;
    if (vcpu.runstate_waits)
        return;
    if (!vcpu.domain->assists(VMASST_TYPE_runstate_update_flag)) {
        hal::copy_to_guest(vcpu.runstate_area, &vcpu.runstate, sizeof(vcpu.runstate));
        return;
    }
    vcpu_runstate_info shown = vcpu.runstate;
    const std::uint64_t entry_time =
        vcpu.runstate_area + __builtin_offsetof(vcpu_runstate_info, state_entry_time);
    const auto show_entry_time = [&] {
        std::atomic_thread_fence(std::memory_order_seq_cst);
        return hal::copy_to_guest(entry_time, &shown.state_entry_time, sizeof(std::uint64_t));
    };
    // Another vCPU that reads meanwhile sees by the mark that it must read again.
    shown.state_entry_time |= XEN_RUNSTATE_UPDATE;
    if (!show_entry_time())
        return;
    std::atomic_thread_fence(std::memory_order_seq_cst);
    hal::copy_to_guest(vcpu.runstate_area, &shown, sizeof(shown));
    shown.state_entry_time &= ~XEN_RUNSTATE_UPDATE;
    show_entry_time();
}

void publish_wall_clock(const System& system, Domain& domain)
{
    constexpr std::uint64_t kSecond = 1'000'000'000;
    shared_info& shared = *domain.shared;
    begin(shared.wc_version);
    shared.wc_sec = static_cast<std::uint32_t>(system.wall_base / kSecond);
    shared.wc_sec_hi = static_cast<std::uint32_t>(system.wall_base / kSecond >> 32);
    shared.wc_nsec = static_cast<std::uint32_t>(system.wall_base % kSecond);
    finish(shared.wc_version);
}

} // namespace zocalo::hv
