// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_set_gdt: frames with segment descriptors, and how many there are.
#include "hypervisor-core/domain/pv_context.hpp"
#include "hypervisor-core/hal/pv.hpp"
#include "hypervisor-core/hypercall/handlers.hpp"

namespace zocalo::hv {

Answer hypercall::set_gdt(Call& call)
{
    constexpr std::uint64_t kPerFrame = 512;
    const std::uint64_t entries = call.arguments[1];
    if (entries > FIRST_RESERVED_GDT_ENTRY)
        return Errno::inval;
    const std::size_t count = static_cast<std::size_t>((entries + kPerFrame - 1) / kPerFrame);
    std::array<std::uint64_t, kGuestGdtFrames> frames{};
    for (std::size_t i = 0; i < count; ++i)
        frames[i] = TRY(GuestArray<std::uint64_t>{call.arguments[0]}[i].copy_in());

    std::array<Mfn, kGuestGdtFrames> taken{};
    TRY(take_gdt(call.system, call.domain(), std::span{frames}.first(count), taken));
    PvState& pv = call.vcpu.pv;
    const auto old = pv.gdt;
    pv.gdt = taken;
    pv.gdt_entries = static_cast<unsigned>(entries);
    hal::load_gdt(call.vcpu);
    put_gdt(call.system, old);
    return 0;
}

} // namespace zocalo::hv
