// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_vcpu_op: a domain's own vCPUs: start, stop, their timers and shared areas.
#include "hypervisor-core/domain/guest_time.hpp"
#include "hypervisor-core/domain/notify.hpp"
#include "hypervisor-core/domain/pv_context.hpp"
#include "hypervisor-core/domain/run_state.hpp"
#include "hypervisor-core/hypercall/handlers.hpp"

#include <xen/errno.h>
#include <xen/vcpu.h>

namespace zocalo::hv {
namespace {

Answer initialise(Call& call, Vcpu& vcpu)
{
    auto& context = *reinterpret_cast<vcpu_guest_context*>(call.system.scratch.data());
    static_assert(sizeof(vcpu_guest_context) <= sizeof(call.system.scratch));
    if (!hal::copy_from_guest(&context, call.arguments[2], sizeof(context)))
        return Errno::fault;
    context.flags &= ~static_cast<unsigned long>(VGCF_online);
    return set_pv_context(call.system, vcpu, context);
}

Answer up(Call& call, Vcpu& vcpu)
{
    if (!vcpu.initialised)
        return Errno::inval;
    if (vcpu.held(Hold::offline))
        unhold(call.system, vcpu, Hold::offline);
    return 0;
}

Answer down(Call& call, Vcpu& vcpu)
{
    if (!vcpu.held(Hold::offline))
        hold(call.system, vcpu, Hold::offline);
    return 0;
}

Answer runstate_info(const Call& call, const Vcpu& vcpu)
{
    vcpu_runstate_info info = vcpu.runstate;
    const std::uint64_t now = hal::now();
    info.time[info.state] += now - info.state_entry_time;
    return call.ref<vcpu_runstate_info>(2).copy_out(info);
}

Answer register_runstate(const Call& call, Vcpu& vcpu)
{
    const auto area = TRY(call.ref<vcpu_register_runstate_memory_area>(2).copy_in());
    const GuestRef<vcpu_runstate_info> target{area.addr.p};
    TRY(target.copy_out(vcpu.runstate));
    vcpu.runstate_area = target.address();
    return 0;
}

TimerQueue& timers_of(Call& call, const Vcpu& vcpu)
{
    return call.system.cpus[vcpu.sched.cpu].timers;
}

// On the vCPU's own processor, which may sleep until later than that.
void arm(Call& call, const Vcpu& vcpu, Timer& timer, std::uint64_t deadline)
{
    timers_of(call, vcpu).arm(timer, deadline);
    hal::kick(vcpu.sched.cpu);
}

Answer set_periodic(Call& call, Vcpu& vcpu)
{
    constexpr std::uint64_t kShortest = 1'000'000; // ns
    const auto args = TRY(call.ref<vcpu_set_periodic_timer>(2).copy_in());
    if (args.period_ns < kShortest)
        return Errno::inval;
    vcpu.period = args.period_ns;
    arm(call, vcpu, vcpu.periodic, hal::now() + vcpu.period);
    return 0;
}

Answer set_one_shot(Call& call, Vcpu& vcpu)
{
    const auto args = TRY(call.ref<vcpu_set_singleshot_timer>(2).copy_in());
    // VCPU_SSHOTTMR_future changes nothing, as on Xen 4.17: what is past fires at once.
    arm(call, vcpu, vcpu.one_shot, args.timeout_abs_ns);
    return 0;
}

// Moves vcpu_info out of the shared page into one of the domain's own; once.
Answer register_info(Call& call, Vcpu& vcpu)
{
    const auto args = TRY(call.ref<vcpu_register_vcpu_info>(2).copy_in());
    const Mfn mfn{args.mfn};
    Memory& memory = call.system.memory;
    if (vcpu.info_frame != Mfn{} || args.offset > kPageSize - sizeof(vcpu_info) ||
        args.offset % alignof(vcpu_info) != 0)
        return Errno::inval;
    TRY(memory.frames().get(mfn, call.domain().id));
    if (const auto writable = memory.frames().get_writable(mfn); !writable) {
        memory.put(mfn);
        return writable.error();
    }
    auto* const moved = reinterpret_cast<vcpu_info*>(hal::frame_bytes(mfn) + args.offset);
    if (vcpu.info != nullptr) {
        *moved = *vcpu.info;
    } else {
        *moved = {};
        moved->evtchn_upcall_mask = 1;
    }
    vcpu.info = moved;
    vcpu.info_frame = mfn;
    publish_time(call.system, vcpu);
    // What was raised meanwhile in the old place must not be lost.
    vcpu.info->evtchn_pending_sel = ~xen_ulong_t{0};
    vcpu.info->evtchn_upcall_pending = 1;
    return 0;
}

Answer physical_id(const Call& call, const Vcpu& vcpu)
{
    const CpuState& cpu = call.system.cpus[vcpu.sched.cpu];
    vcpu_get_physid out{};
    out.phys_id = cpu.apic_id | std::uint64_t{cpu.acpi_id} << 32;
    return call.ref<vcpu_get_physid>(2).copy_out(out);
}

} // namespace

Answer hypercall::vcpu_op(Call& call) // (readability-function-size): a table
{
    Vcpu* const vcpu = call.domain().vcpu(call.arguments[1]);
    if (vcpu == nullptr)
        return Errno::noent;
    switch (call.arguments[0]) {
    case VCPUOP_initialise:
        return initialise(call, *vcpu);
    case VCPUOP_up:
        return up(call, *vcpu);
    case VCPUOP_down:
        return down(call, *vcpu);
    case VCPUOP_is_up:
        return vcpu->held(Hold::offline) ? 0 : 1;
    case VCPUOP_get_runstate_info:
        return runstate_info(call, *vcpu);
    case VCPUOP_register_runstate_memory_area:
        return register_runstate(call, *vcpu);
    case VCPUOP_set_periodic_timer:
        return set_periodic(call, *vcpu);
    case VCPUOP_stop_periodic_timer:
        timers_of(call, *vcpu).cancel(vcpu->periodic);
        return 0;
    case VCPUOP_set_singleshot_timer:
        return set_one_shot(call, *vcpu);
    case VCPUOP_stop_singleshot_timer:
        timers_of(call, *vcpu).cancel(vcpu->one_shot);
        return 0;
    case VCPUOP_register_vcpu_info:
        return register_info(call, *vcpu);
    case VCPUOP_get_physid:
        return physical_id(call, *vcpu);
    default:
        return Errno::nosys;
    }
}

} // namespace zocalo::hv
