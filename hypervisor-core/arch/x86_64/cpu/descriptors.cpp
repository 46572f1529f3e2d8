// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/x86_64/cpu/descriptors.hpp"

#include "hypervisor-core/arch/x86_64/cpu/cpu_area.hpp"
#include "hypervisor-core/arch/x86_64/cpu/features.hpp"
#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"
#include "hypervisor-core/arch/x86_64/cpu/speculation.hpp"
#include "hypervisor-core/console/log.hpp"
#include "hypervisor-core/hal/memory.hpp"

#include <cstring>

extern "C" char syscall_page[], syscall_jump[], syscall_jump32[], syscall_entry[], trap_stubs[];

namespace zocalo::hv {
namespace {

constexpr unsigned kVectors = 256;
constexpr unsigned kStubBytes = 16;
constexpr unsigned kReservedPage = FIRST_RESERVED_GDT_PAGE;
constexpr unsigned kDebug = 1, kNmi = 2, kBreakpoint = 3, kOverflow = 4, kDoubleFault = 8,
                   kMachineCheck = 18;
constexpr unsigned kOldSyscall = 0x80;

// Intel SDM volume 4, IA32_* and AMD64 volume 2, section 6.1.1.
constexpr std::uint32_t kMsrPat = 0x277;
constexpr std::uint32_t kMsrEfer = 0xc0000080;
constexpr std::uint32_t kMsrStar = 0xc0000081;
constexpr std::uint32_t kMsrLstar = 0xc0000082;
constexpr std::uint32_t kMsrCstar = 0xc0000083;
constexpr std::uint32_t kMsrSyscallMask = 0xc0000084;
constexpr std::uint64_t kEfer = 1 << 0 | 1 << 8 | 1 << 11; // SCE LME NXE
constexpr std::uint64_t kClearedFlags = 0x57700;           // TF IF DF IOPL NT RF AC
constexpr std::uint64_t kCompatEntry = 64;                 // offset in syscall_page (entry.S)
// WB WT UC- UC WC WP UC UC: the order Linux finds under Xen.
constexpr std::uint64_t kPat = 0x0000050100070406;
constexpr std::uint64_t kCr4 = 1 << 5 | 1 << 9 | 1 << 10; // PAE OSFXSR OSXMMEXCPT

struct Gate {
    std::uint16_t offset_low;
    std::uint16_t selector;
    std::uint8_t stack;
    std::uint8_t type;
    std::uint16_t offset_middle;
    std::uint32_t offset_high;
    std::uint32_t reserved;
};
static_assert(sizeof(Gate) == 16);

struct Tables { // of the whole machine
    std::array<Gate, kVectors> idt;
    Mfn zero_frame;
    std::array<std::uint64_t*, kMaxCpus> windows;
};
constinit Tables tables{};

Mfn take_frame(System& system)
{
    const auto frame = system.memory.allocate();
    if (!frame)
        panic("no memory for a processor's stacks: give the machine more");
    return *frame;
}

void fill_idt()
{
    for (unsigned vector = 0; vector < kVectors; ++vector) {
        constexpr std::uint8_t kInterruptGate = 0x8e;
        constexpr std::uint8_t kFromRing3 = 0x60;
        const auto entry = reinterpret_cast<std::uint64_t>(trap_stubs) + vector * kStubBytes;
        Gate& gate = tables.idt[vector];
        gate = {};
        gate.offset_low = static_cast<std::uint16_t>(entry);
        gate.offset_middle = static_cast<std::uint16_t>(entry >> 16);
        gate.offset_high = static_cast<std::uint32_t>(entry >> 32);
        gate.selector = kOwnCode;
        gate.type = kInterruptGate;
        if (vector == kBreakpoint || vector == kOverflow || vector == kOldSyscall)
            gate.type |= kFromRing3;
    }
    tables.idt[kNmi].stack = 1;
    tables.idt[kDoubleFault].stack = 2;
    tables.idt[kMachineCheck].stack = 3;
    // It may come at the first instruction of a system call, on the guest's stack: MOV SS delays
    // it.
    tables.idt[kDebug].stack = 4;
}

void fill_reserved_page(unsigned cpu, Mfn frame)
{
    constexpr std::uint64_t kCode64Ring0 = 0x00af9b000000ffff;
    constexpr std::uint64_t kDataRing0 = 0x00cf93000000ffff;
    constexpr std::uint64_t kCode32Ring3 = 0x00cffb000000ffff;
    constexpr std::uint64_t kDataRing3 = 0x00cff3000000ffff;
    constexpr std::uint64_t kCode64Ring3 = 0x00affb000000ffff;
    constexpr std::uint64_t kFreeTss = 0x0000890000000000 | (sizeof(Tss) - 1);
    const auto slots = hal::table_entries(frame);
    slots[1] = kCode64Ring0;
    slots[2] = kDataRing0;
    slots[(FLAT_RING3_CS32 - kReserved) / 8] = kCode32Ring3;
    slots[(FLAT_RING3_SS32 - kReserved) / 8] = kDataRing3;
    slots[(FLAT_RING3_CS64 - kReserved) / 8] = kCode64Ring3;
    const auto tss = cpu_area(cpu) + kDataPage * kPageSize + __builtin_offsetof(CpuPage, tss);
    const unsigned slot = (kTaskState - kReserved) / 8;
    slots[slot] = kFreeTss | (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
    slots[slot + 1] = tss >> 32;
}

void fill_cpu_page(unsigned cpu, Mfn frame)
{
    auto& page = *reinterpret_cast<CpuPage*>(hal::frame_bytes(frame));
    page = CpuPage{};
    page.stack_top = stack_end(cpu);
    page.tss.rsp[0] = stack_end(cpu);
    for (unsigned i = 0; i < kSpareStacks; ++i)
        page.tss.ist[i] = cpu_area(cpu) + (kFirstSpareStackPage + 2 * i + 1) * kPageSize;
}

void fill_code_page(unsigned cpu, Mfn frame)
{
    std::memcpy(hal::frame_bytes(frame), syscall_page, kPageSize);
    for (const char* const jump : {syscall_jump, syscall_jump32}) {
        constexpr unsigned kOpcodeBytes = 1, kJumpBytes = 5;
        const auto offset = static_cast<std::uint64_t>(jump - syscall_page);
        const std::uint64_t next = cpu_area(cpu) + kCodePage * kPageSize + offset + kJumpBytes;
        const auto distance =
            static_cast<std::uint32_t>(reinterpret_cast<std::uint64_t>(syscall_entry) - next);
        std::memcpy(hal::frame_bytes(frame) + offset + kOpcodeBytes, &distance, sizeof(distance));
    }
}

} // namespace

void make_cpu_area(System& system, Mapper& mapper, unsigned cpu)
{
    if (cpu == 0) {
        fill_idt();
        tables.zero_frame = take_frame(system);
    }
    const std::uint64_t area = cpu_area(cpu);
    const auto add = [&](unsigned page) {
        const Mfn frame = take_frame(system);
        mapper.map(area + page * kPageSize, frame.value << kPageShift, kPageSize, kReadWrite);
        return frame;
    };
    const Mfn code = take_frame(system);
    fill_code_page(cpu, code);
    mapper.map(area + kCodePage * kPageSize, code.value << kPageShift, kPageSize, kExecutable);
    fill_cpu_page(cpu, add(kDataPage));
    for (unsigned i = 0; i < kSpareStacks; ++i)
        add(kFirstSpareStackPage + 2 * i);
    Mfn last{};
    for (unsigned page = kFirstStackPage; page < kEndStackPage; ++page)
        last = add(page);
    auto& top = *reinterpret_cast<CpuTop*>(hal::frame_bytes(last + 1) - sizeof(CpuTop));
    top = CpuTop{};
    top.id = cpu;
    top.system = &system;

    const std::uint64_t window = descriptor_window(cpu);
    for (unsigned page = 0; page < layout::kDescriptorWindowBytes >> kPageShift; ++page)
        mapper.map(
            window + page * kPageSize, tables.zero_frame.value << kPageShift, kPageSize, kReadOnly
        );
    const Mfn reserved = take_frame(system);
    fill_reserved_page(cpu, reserved);
    mapper.map(
        window + kReservedPage * kPageSize, reserved.value << kPageShift, kPageSize, kReadWrite
    );
    tables.windows[cpu] = &mapper.level1(window);
}

void load_cpu_tables(unsigned cpu)
{
    struct [[gnu::packed]] Pointer {
        std::uint16_t limit;
        std::uint64_t base;
    };
    constexpr std::uint64_t kGdtBytes = (kReservedPage + 1) * kPageSize;
    const Pointer gdt{kGdtBytes - 1, descriptor_window(cpu)};
    const Pointer idt{sizeof(tables.idt) - 1, reinterpret_cast<std::uint64_t>(tables.idt.data())};
    asm volatile("lgdt %0" : : "m"(gdt));
    asm volatile("lidt %0" : : "m"(idt));
    asm volatile("pushq %0; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:"
                 :
                 : "i"(kOwnCode)
                 : "rax", "memory");
    asm volatile("mov %0, %%ss" : : "r"(kOwnData));
    asm volatile("ltr %0" : : "r"(kTaskState));
    load_local_table(0);
    x86::write_cr4(kCr4);
    start_extended_state();
    x86::write_msr(kMsrEfer, kEfer | 1 << 10);
    x86::write_msr(kMsrPat, kPat);
    x86::write_msr(kMsrStar, std::uint64_t{FLAT_RING3_CS32} << 48 | std::uint64_t{kOwnCode} << 32);
    x86::write_msr(kMsrLstar, cpu_area(cpu));
    x86::write_msr(kMsrCstar, cpu_area(cpu) + kCompatEntry);
    x86::write_msr(kMsrSyscallMask, kClearedFlags);
    start_defences();
}

void set_window_page(unsigned index, Mfn mfn)
{
    const unsigned cpu = cpu_top().id;
    // Without frame: descriptors that are not present, respectively a page fault for the LDT.
    const bool is_local = index >= layout::kLdtOffset >> kPageShift;
    const Mfn frame = mfn == Mfn{} ? tables.zero_frame : mfn;
    const std::uint64_t entry = is_local && mfn == Mfn{} ? 0 : Pte::make(frame, kReadOnly).raw;
    std::uint64_t& slot = tables.windows[cpu][index];
    if (slot == entry)
        return;
    slot = entry;
    x86::invalidate_page(descriptor_window(cpu) + index * kPageSize);
}

void load_local_table(unsigned entries)
{
    if (entries == 0) {
        asm volatile("lldt %0" : : "r"(std::uint16_t{0}));
        return;
    }
    constexpr std::uint64_t kLdt = 0x0000820000000000;
    const unsigned cpu = cpu_top().id;
    const std::uint64_t base = descriptor_window(cpu) + layout::kLdtOffset;
    auto* const slots = reinterpret_cast<volatile std::uint64_t*>(
        descriptor_window(cpu) + kReservedPage * kPageSize
    );
    const unsigned slot = (kLocalTable - kReserved) / 8;
    slots[slot] = kLdt | (entries * 8 - 1) | (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
    slots[slot + 1] = base >> 32;
    asm volatile("lldt %0" : : "r"(kLocalTable) : "memory");
}

} // namespace zocalo::hv
