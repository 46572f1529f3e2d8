// SPDX-License-Identifier: Apache-2.0
// Vcpu: one virtual processor. What every kind has (scheduling, events, time) stands here; what
// only a paravirtual one has is in `pv`, so that another kind can stand beside it. Under the system
// lock, but for what the running vCPU's own processor touches (`pv`, `regs`).
#pragma once

#include "hypervisor-core/domain/trap_frame.hpp"
#include "hypervisor-core/mm/page_tables.hpp"
#include "hypervisor-core/sched/scheduler.hpp"
#include "hypervisor-core/time/timer_queue.hpp"

#include <xen/event_channel.h>
#include <xen/vcpu.h>
#include <xen/xen.h>

#include <array>

namespace zocalo::hv {

struct Domain;

inline constexpr unsigned kGuestGdtFrames = FIRST_RESERVED_GDT_PAGE;

// A guest address to continue at, and whether events are masked there.
struct Callback {
    std::uint64_t address{};
    bool masks_events{};
};

struct DebugRegisters {
    static constexpr std::uint64_t kStatusAtFirst = 0xffff0ff0, kControlAtFirst = 0x400;
    std::array<std::uint64_t, 4> address{}; // DR0 to DR3
    std::uint64_t status{kStatusAtFirst};   // DR6
    std::uint64_t control{kControlAtFirst}; // DR7, less `io_control`
    std::uint64_t
        io_control{}; // the enabled bits of I/O breakpoints, which ring 3 cannot hit anyway

    bool active() const { return (control & 0xff) != 0; }
};

struct PvState {
    std::array<trap_info, 256> traps{};
    Callback event, failsafe, syscall, syscall32, sysenter;
    std::uint64_t kernel_sp{};
    std::uint64_t kernel_ss{};
    bool in_kernel{true}; // the guest's kernel runs, or would; else its user space
    bool task_switched{}; // fpu_taskswitch: the next FPU instruction traps
    Mfn kernel_table{};   // L4 while in the kernel; holds a type reference when non-zero
    Mfn user_table{};     // L4 while in user space, or zero
    Mfn ending_table{};   // to be ended before the vCPU goes on (PageTables::finish), or zero
    Mfn begun_table{};    // its interrupted call goes on with it (PageTables::take_begun), or zero
    std::uint64_t begun_by{}; // that call's number
    std::array<Mfn, kGuestGdtFrames> gdt{};
    unsigned gdt_entries{};
    std::array<Mfn, 16> ldt{};
    std::uint64_t ldt_base{};
    unsigned ldt_entries{};
    // Valid while the vCPU does not run; `gs_base` is the one in use, `other_gs_base` swapgs'
    // other.
    std::uint64_t fs_base{}, gs_base{}, other_gs_base{};
    std::uint16_t ds{}, es{}, fs{}, gs{};
    std::uint64_t cr2{}; // until vcpu_info has a place for it
    std::uint64_t cr4{};
    DebugRegisters debug;
    unsigned io_privilege{};   // PHYSDEVOP_set_iopl, or by iret (VMASST_TYPE_architectural_iopl)
    std::uint64_t io_bitmap{}; // PHYSDEVOP_set_iobitmap: guest address, a set bit denies a port
    std::uint32_t io_bitmap_ports{};
    std::uint64_t xcr0{}, xcr0_ever{};             // what the guest switched on: now, ever
    alignas(64) std::array<std::byte, 4096> fpu{}; // FXSAVE or XSAVE area (pv/extended_state.hpp)
};

// FIFO event channels (event_fifo.hpp): the vCPU's control block, and where its queues end.
struct FifoQueues {
    Mfn frame{};
    evtchn_fifo_control_block* control{};
    std::array<std::uint32_t, EVTCHN_FIFO_MAX_QUEUES> tails{}; // 0: empty
};

// Why a vCPU may not run; it runs when none is set.
enum class Hold : std::uint8_t {
    offline = 1 << 0, // not initialised or not up (VCPUOP_up)
    blocked = 1 << 1, // SCHEDOP_block, SCHEDOP_poll: until an event
    paused = 1 << 2,  // its domain is paused or has shut down
};

struct Vcpu {
    Domain* domain{};
    unsigned id{};
    SchedEntity sched;
    std::uint8_t holds{static_cast<std::uint8_t>(Hold::offline)};
    bool initialised{};

    // In the shared page or where register_vcpu_info put it; never null for an initialised vCPU.
    vcpu_info* info{};
    Mfn info_frame{};            // holds a writable reference when non-zero
    std::uint32_t polled_port{}; // SCHEDOP_poll on one port; 0: none
    bool polls{};
    FifoQueues fifo;

    Timer one_shot{.kind = Timer::Kind::one_shot}; // VCPUOP_set_singleshot_timer, set_timer_op
    Timer periodic{.kind = Timer::Kind::periodic}; // VCPUOP_set_periodic_timer
    Timer poll_timeout{.kind = Timer::Kind::poll};
    std::uint64_t period{};

    vcpu_runstate_info runstate{}; // our copy
    std::uint64_t runstate_area{}; // guest address, or 0
    bool runstate_waits{};         // to be told when the guest's kernel runs: it has the address

    TrapFrame regs{}; // while it does not run
    PvState pv;

    bool held(Hold why) const { return (holds & static_cast<std::uint8_t>(why)) != 0; }
};

} // namespace zocalo::hv
