// SPDX-License-Identifier: Apache-2.0
// hal/pv.hpp on the real processor, and the whole-vCPU switch.
#include "hypervisor-core/arch/x86_64/pv/registers.hpp"

#include "hypervisor-core/arch/x86_64/cpu/cpu_area.hpp"
#include "hypervisor-core/arch/x86_64/cpu/descriptors.hpp"
#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"
#include "hypervisor-core/hal/pv.hpp"

extern "C" bool load_gs_selector(std::uint16_t selector);
extern "C" bool load_data_selectors(std::uint16_t ds, std::uint16_t es, std::uint16_t fs);

namespace zocalo::hv {
namespace {

constexpr std::uint32_t kMsrFsBase = 0xc0000100;
constexpr std::uint32_t kMsrGsBase = 0xc0000101;
constexpr std::uint32_t kMsrOtherGsBase = 0xc0000102;
constexpr std::uint64_t kTaskSwitched = 1 << 3; // CR0.TS
constexpr unsigned kLdtWindow = layout::kLdtOffset >> kPageShift;

void load_root(Mfn root)
{
    CpuTop& top = cpu_top();
    top.system->memory.frames().clock().flushed(top.id);
    x86::write_cr3(root.value << kPageShift);
}

std::uint16_t read_ds()
{
    std::uint16_t value;
    asm volatile("mov %%ds, %0" : "=r"(value));
    return value;
}
std::uint16_t read_es()
{
    std::uint16_t value;
    asm volatile("mov %%es, %0" : "=r"(value));
    return value;
}
std::uint16_t read_fs()
{
    std::uint16_t value;
    asm volatile("mov %%fs, %0" : "=r"(value));
    return value;
}
std::uint16_t read_gs()
{
    std::uint16_t value;
    asm volatile("mov %%gs, %0" : "=r"(value));
    return value;
}

// All that is offered is saved and loaded, whatever the guest has switched on: nothing of the vCPU
// before stays in registers.
void open_extended_state(std::uint64_t features)
{
    if (x86::read_xcr0() != features)
        x86::write_xcr0(features);
}

void save_fpu(PvState& pv)
{
    const std::uint64_t features = hal::extended_features();
    if (features == 0) {
        asm volatile("fxsave64 %0" : "=m"(pv.fpu));
        return;
    }
    open_extended_state(features);
    asm volatile("xsave64 %0" : "+m"(pv.fpu) : "a"(static_cast<std::uint32_t>(features)), "d"(0));
}

void load_fpu(const PvState& pv)
{
    const std::uint64_t features = hal::extended_features();
    if (features == 0) {
        asm volatile("fxrstor64 %0" : : "m"(pv.fpu));
        return;
    }
    open_extended_state(features);
    asm volatile("xrstor64 %0" : : "m"(pv.fpu), "a"(static_cast<std::uint32_t>(features)), "d"(0));
    if (pv.xcr0 != features)
        x86::write_xcr0(pv.xcr0);
}

} // namespace

void hal::load_address_space(const Vcpu& vcpu)
{
    load_root(vcpu.pv.in_kernel ? vcpu.pv.kernel_table : vcpu.pv.user_table);
}

void hal::switch_mode(const Vcpu& vcpu)
{
    x86::swap_gs();
    load_address_space(vcpu);
}

void load_idle_address_space(const System& system)
{
    load_root(system.root);
}

std::uint64_t hal::fs_base()
{
    return x86::read_msr(kMsrFsBase);
}
void hal::set_fs_base(std::uint64_t base)
{
    x86::write_msr(kMsrFsBase, base);
}
std::uint64_t hal::gs_base()
{
    return x86::read_msr(kMsrGsBase);
}
std::uint64_t hal::other_gs_base()
{
    return x86::read_msr(kMsrOtherGsBase);
}
void hal::set_gs_base(std::uint64_t base)
{
    x86::write_msr(kMsrGsBase, base);
}
void hal::set_other_gs_base(std::uint64_t base)
{
    x86::write_msr(kMsrOtherGsBase, base);
}

bool hal::load_other_gs(std::uint16_t selector)
{
    // Loading the selector sets the base in use, so do it as if in user space.
    x86::swap_gs();
    const bool loaded = load_gs_selector(selector);
    x86::swap_gs();
    return loaded;
}

void hal::load_gdt(const Vcpu& vcpu)
{
    for (unsigned i = 0; i < vcpu.pv.gdt.size(); ++i)
        set_window_page(i, vcpu.pv.gdt[i]);
}

void hal::load_ldt(const Vcpu& vcpu)
{
    // Without a table nothing reaches the window.
    for (unsigned i = 0; vcpu.pv.ldt_entries != 0 && i < vcpu.pv.ldt.size(); ++i)
        set_window_page(kLdtWindow + i, vcpu.pv.ldt[i]);
    load_local_table(vcpu.pv.ldt_entries);
}

void hal::load_debug_registers(const Vcpu& vcpu)
{
    const DebugRegisters& debug = vcpu.pv.debug;
    CpuTop& top = cpu_top();
    if (debug.active()) {
        asm volatile("mov %0, %%dr7" : : "r"(DebugRegisters::kControlAtFirst));
        asm volatile("mov %0, %%dr0" : : "r"(debug.address[0]));
        asm volatile("mov %0, %%dr1" : : "r"(debug.address[1]));
        asm volatile("mov %0, %%dr2" : : "r"(debug.address[2]));
        asm volatile("mov %0, %%dr3" : : "r"(debug.address[3]));
        asm volatile("mov %0, %%dr6" : : "r"(DebugRegisters::kStatusAtFirst));
        asm volatile("mov %0, %%dr7" : : "r"(debug.control));
    } else if (top.breakpoints) {
        asm volatile("mov %0, %%dr7" : : "r"(DebugRegisters::kControlAtFirst));
    }
    top.breakpoints = debug.active();
}

std::uint64_t hal::take_debug_status()
{
    std::uint64_t value;
    asm volatile("mov %%dr6, %0" : "=r"(value));
    asm volatile("mov %0, %%dr6" : : "r"(DebugRegisters::kStatusAtFirst));
    return value;
}

void hal::set_extended_features(std::uint64_t xcr0)
{
    x86::write_xcr0(xcr0);
}

void hal::set_task_switched(bool set)
{
    std::uint64_t cr0;
    asm volatile("mov %%cr0, %0" : "=r"(cr0));
    cr0 = set ? cr0 | kTaskSwitched : cr0 & ~kTaskSwitched;
    asm volatile("mov %0, %%cr0" : : "r"(cr0));
}

void save_vcpu(Vcpu& vcpu, const TrapFrame& frame)
{
    PvState& pv = vcpu.pv;
    vcpu.regs = frame;
    pv.ds = read_ds();
    pv.es = read_es();
    pv.fs = read_fs();
    pv.gs = read_gs();
    pv.fs_base = x86::read_msr(kMsrFsBase);
    pv.gs_base = x86::read_msr(kMsrGsBase);
    pv.other_gs_base = x86::read_msr(kMsrOtherGsBase);
    asm volatile("clts");
    save_fpu(pv);
}

bool load_vcpu(const Vcpu& vcpu, TrapFrame& frame)
{
    const PvState& pv = vcpu.pv;
    frame = vcpu.regs;
    hal::load_address_space(vcpu);
    hal::load_gdt(vcpu);
    hal::load_ldt(vcpu);
    const bool data = load_data_selectors(pv.ds, pv.es, pv.fs), gs = load_gs_selector(pv.gs);
    x86::write_msr(kMsrFsBase, pv.fs_base);
    x86::write_msr(kMsrGsBase, pv.gs_base);
    x86::write_msr(kMsrOtherGsBase, pv.other_gs_base);
    asm volatile("clts");
    load_fpu(pv);
    hal::set_task_switched(pv.task_switched);
    hal::load_debug_registers(vcpu);
    return data && gs;
}

} // namespace zocalo::hv
