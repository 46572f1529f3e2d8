// SPDX-License-Identifier: Apache-2.0
// The memory-mapping hypercalls by a hostile domain, with frames that are mostly its own: after
// each, no table is mapped writable and every count agrees with the tables.
#include "tests/fuzz/hostile_guest.hpp"

#include <cstring>

namespace zocalo::hv {
namespace {

// Three bytes of input name a machine address with flags: mostly of the guest's own pages.
std::uint64_t address(const HostileGuest& machine, const std::uint8_t* bytes)
{
    constexpr std::uint64_t kFlags[] = {
        0, 1, 3, 5, 7, 0x87, 0x25, 0x67, 0x107, 2, 4, 6, 0x81, 8, 0x10, 0xff};
    const unsigned page = bytes[0];
    const std::uint64_t frame = page < 240 ? machine.pages[page % machine.pages.size()].value
                                           : std::uint64_t{page} * 977 % FakeMachine::kFrames;
    return frame << kPageShift | std::uint64_t{bytes[1]} % 4 << 3 | kFlags[bytes[2] % 16];
}

} // namespace
} // namespace zocalo::hv

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace zocalo::hv;
    HostileGuest machine;
    constexpr std::size_t kRecord = 8;
    constexpr std::uint64_t kList = FakeMachine::kGuestStart;
    for (std::size_t at = 0; at + kRecord <= size && at < 128 * kRecord; at += kRecord) {
        const std::uint8_t* const record = data + at;
        const std::uint64_t place = address(machine, record + 1),
                            value = address(machine, record + 4);
        switch (record[0] % 6) {
        case 0:
        case 1: {
            const mmu_update request{(place & ~std::uint64_t{7}) | record[7] % 4U, value};
            std::memcpy(fake_machine().guest.data(), &request, sizeof(request));
            machine.call(__HYPERVISOR_mmu_update, {kList, 1, 0, DOMID_SELF});
            break;
        }
        case 2:
        case 3: {
            mmuext_op op{};
            op.cmd = record[7] % 24;
            op.arg1.mfn = place >> zocalo::kPageShift;
            op.arg2.src_mfn = value >> zocalo::kPageShift;
            std::memcpy(fake_machine().guest.data(), &op, sizeof(op));
            machine.call(__HYPERVISOR_mmuext_op, {kList, 1, 0, DOMID_SELF});
            break;
        }
        case 4:
            machine.call(
                __HYPERVISOR_update_va_mapping,
                {std::uint64_t{record[7]} % 4 << zocalo::kPageShift, value, record[1] % 8U}
            );
            break;
        default: {
            const std::uint64_t frame = place >> zocalo::kPageShift;
            std::memcpy(fake_machine().guest.data(), &frame, sizeof(frame));
            if (record[7] % 2 == 0)
                machine.call(__HYPERVISOR_set_gdt, {kList, record[7]});
            else
                machine.call(__HYPERVISOR_update_descriptor, {place, value * 0x9e3779b97f4a7c15});
            break;
        }
        }
        machine.check();
    }
    machine.finish();
    return 0;
}
