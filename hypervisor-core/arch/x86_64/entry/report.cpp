// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/x86_64/entry/report.hpp"

#include "hypervisor-core/arch/x86_64/cpu/cpu_area.hpp"
#include "hypervisor-core/arch/x86_64/cpu/instructions.hpp"
#include "hypervisor-core/console/log.hpp"
#include "hypervisor-core/console/symbols.hpp"
#include "hypervisor-core/domain/domain.hpp"
#include "hypervisor-core/hal/memory.hpp"

#include <span>

extern "C" const char image_start[], image_rodata[];
extern "C" const zocalo::hv::Symbol image_symbols[], image_symbols_end[];

namespace zocalo::hv {
namespace {

void report_registers(const TrapFrame& f)
{
    log("  rip ", hex(f.rip), " cs ", hex(f.cs), " rflags ", hex(f.rflags));
    log("  rsp ", hex(f.rsp), " ss ", hex(f.ss), " cr2 ", hex(x86::read_cr2()));
    log("  cr3 ", hex(x86::read_cr3()), " vector ", f.vector, " error ", hex(f.error_code));
    log("  rax ", hex(f.rax), " rbx ", hex(f.rbx), " rcx ", hex(f.rcx), " rdx ", hex(f.rdx));
    log("  rsi ", hex(f.rsi), " rdi ", hex(f.rdi), " rbp ", hex(f.rbp), " r8 ", hex(f.r8));
    log("  r9 ", hex(f.r9), " r10 ", hex(f.r10), " r11 ", hex(f.r11), " r12 ", hex(f.r12));
    log("  r13 ", hex(f.r13), " r14 ", hex(f.r14), " r15 ", hex(f.r15));
}

bool is_own_text(std::uint64_t value)
{
    return value >= reinterpret_cast<std::uint64_t>(image_start) &&
           value < reinterpret_cast<std::uint64_t>(image_rodata);
}

void report_place(std::string_view what, std::uint64_t address)
{
    const std::span table{
        image_symbols, static_cast<std::size_t>(image_symbols_end - image_symbols)};
    const Place place = is_own_text(address) ? find_symbol(table, address) : Place{};
    if (place.name.empty())
        log(what, hex(address));
    else
        log(what, hex(address), " ", place.name, "+", hex(place.offset));
}

// What looks like return addresses on our own stack, from there on.
void report_calls(std::uint64_t stack)
{
    constexpr unsigned kMost = 32;
    const std::uint64_t end = stack | (layout::kCpuAreaBytes - 1);
    unsigned shown = 0;
    for (std::uint64_t at = stack & ~std::uint64_t{7}; at + 8 <= end && shown < kMost; at += 8) {
        const std::uint64_t value = *reinterpret_cast<const std::uint64_t*>(at);
        if (!is_own_text(value))
            continue;
        report_place("  called from ", value);
        ++shown;
    }
}

} // namespace

void report_guest(const Vcpu& vcpu, const TrapFrame& frame, std::string_view why)
{
    log("domain ", vcpu.domain->id.value, " vCPU ", vcpu.id, " ends: ", why);
    report_registers(frame);
    constexpr unsigned kWords = 24;
    for (unsigned i = 0; i < kWords; i += 4) {
        std::uint64_t words[4]{};
        if (!hal::copy_from_guest(words, frame.rsp + i * 8, sizeof(words)))
            break;
        log("  stack ", hex(words[0]), " ", hex(words[1]), " ", hex(words[2]), " ", hex(words[3]));
    }
}

void report_own(const TrapFrame& frame)
{
    log("the hypervisor itself failed on processor ", cpu_top().id);
    report_registers(frame);
    report_place("  at ", frame.rip);
    report_calls(frame.rsp);
    panic("exception ", frame.vector, " at ", hex(frame.rip));
}

} // namespace zocalo::hv
