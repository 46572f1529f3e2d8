// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/domain/guest_time.hpp"

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
