// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/pv/bounce.hpp"

#include "hypervisor-core/domain/domain.hpp"
#include "hypervisor-core/domain/guest_time.hpp"
#include "hypervisor-core/hal/memory.hpp"
#include "hypervisor-core/hal/pv.hpp"

#include <array>
#include <span>

namespace zocalo::hv::pv {
namespace {

constexpr std::uint64_t kRing = 3;
constexpr unsigned kPageFault = 14;
constexpr unsigned kEventMaskInCs = 32; // where the frame's cs slot keeps the old event mask

constexpr bool pushes_error(unsigned vector)
{
    constexpr std::uint32_t kWithError =
        1U << 8 | 1U << 10 | 1U << 11 | 1U << 12 | 1U << 13 | 1U << 14 | 1U << 17 | 1U << 21;
    return vector < 32 && (kWithError >> vector & 1) != 0;
}

// Where an iret of the guest's kernel goes on: rip, cs, rflags, rsp, ss.
constexpr std::size_t kReturnWords = 5;

inline void
put_return(const Vcpu& vcpu, const TrapFrame& frame, std::span<std::uint64_t, kReturnWords> words)
{
    const std::uint8_t masked = vcpu.info->evtchn_upcall_mask;
    // A kernel tells its own frames from those of its user space by the ring in cs.
    const std::uint64_t cs = vcpu.pv.in_kernel ? frame.cs & 0xfffc : (frame.cs & 0xffff) | kRing;
    std::uint64_t flags = (frame.rflags & ~kFlagInterrupts) | (masked != 0 ? 0 : kFlagInterrupts);
    if (vcpu.domain->assists(VMASST_TYPE_architectural_iopl))
        flags |= std::uint64_t{vcpu.pv.io_privilege} << kIoPrivilegeShift;
    words[0] = frame.rip;
    words[1] = cs | std::uint64_t{masked} << kEventMaskInCs;
    words[2] = flags;
    words[3] = frame.rsp;
    words[4] = frame.ss;
}

// Continues in the guest's kernel at `to`, with `words` on its stack.
inline bool
enter(Vcpu& vcpu, TrapFrame& frame, const Callback& to, std::span<const std::uint64_t> words)
{
    std::uint64_t sp = frame.rsp;
    if (!vcpu.pv.in_kernel) {
        vcpu.pv.in_kernel = true;
        hal::switch_mode(vcpu);
        if (vcpu.runstate_waits)
            publish_run_state(vcpu);
        sp = vcpu.pv.kernel_sp;
    }
    sp = (sp & ~std::uint64_t{15}) - words.size_bytes();
    if (!hal::copy_to_guest(sp, words.data(), words.size_bytes()))
        return false;

    frame.rsp = sp;
    frame.ss = FLAT_KERNEL_SS;
    frame.rip = to.address;
    frame.cs = FLAT_KERNEL_CS;
    frame.rflags &= ~(kFlagTrap | kFlagNested | kFlagResume | kFlagAlignment);
    if (to.masks_events)
        vcpu.info->evtchn_upcall_mask = 1;
    return to.address != 0;
}

} // namespace

bool enter_kernel(
    Vcpu& vcpu, TrapFrame& frame, const Callback& to, std::optional<std::uint32_t> error
)
{
    std::array<std::uint64_t, 8> words;
    const std::size_t first = error ? 0 : 1;
    words[first] = frame.rcx;
    words[first + 1] = frame.r11;
    if (error)
        words[2] = *error;
    put_return(vcpu, frame, std::span{words}.last<kReturnWords>());
    return enter(vcpu, frame, to, std::span{words}.subspan(first));
}

bool enter_failsafe(Vcpu& vcpu, TrapFrame& frame)
{
    const PvState& pv = vcpu.pv;
    std::array<std::uint64_t, 6 + kReturnWords> words{
        frame.rcx, frame.r11, pv.ds, pv.es, pv.fs, pv.gs};
    put_return(vcpu, frame, std::span{words}.last<kReturnWords>());
    return enter(vcpu, frame, pv.failsafe, words);
}

bool guest_syscall(Vcpu& vcpu, TrapFrame& frame)
{
    return enter_kernel(vcpu, frame, vcpu.pv.syscall, std::nullopt);
}

bool guest_syscall32(Vcpu& vcpu, TrapFrame& frame)
{
    constexpr unsigned kInvalidOpcode = 6, kSyscallBytes = 2;
    if (vcpu.pv.syscall32.address != 0)
        return enter_kernel(vcpu, frame, vcpu.pv.syscall32, std::nullopt);
    frame.rip -= kSyscallBytes;
    return inject(vcpu, frame, kInvalidOpcode, 0);
}

bool inject(Vcpu& vcpu, TrapFrame& frame, unsigned vector, std::uint32_t error)
{
    const trap_info& trap = vcpu.pv.traps[vector];
    const Callback to{trap.address, TI_GET_IF(&trap) != 0};
    if (to.address == 0)
        return false;
    return enter_kernel(
        vcpu, frame, to, pushes_error(vector) ? std::optional<std::uint32_t>{error} : std::nullopt
    );
}

bool inject_page_fault(Vcpu& vcpu, TrapFrame& frame, std::uint64_t address, std::uint32_t error)
{
    vcpu.pv.cr2 = address;
    vcpu.info->arch.cr2 = address;
    // To a guest its kernel is no user, though it runs in ring 3.
    constexpr std::uint32_t kUserAccess = 1 << 2;
    const std::uint32_t seen = vcpu.pv.in_kernel ? error & ~kUserAccess : error;
    return inject(vcpu, frame, kPageFault, seen);
}

bool deliver_events(Vcpu& vcpu, TrapFrame& frame)
{
    if (!events_wait(vcpu))
        return true;
    return enter_kernel(vcpu, frame, {vcpu.pv.event.address, true}, std::nullopt);
}

} // namespace zocalo::hv::pv
