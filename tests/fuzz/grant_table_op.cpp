// SPDX-License-Identifier: Apache-2.0
// The grant hypercall with arguments, lists and shared entries that a hostile domain chose.
// Whatever it asks for: nothing stays in use that no handle accounts for, and the frames' counts
// stay sane.
#include "tests/fuzz/hostile_guest.hpp"

#include <xen/grant_table.h>

#include <cstring>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace zocalo::hv;
    HostileGuest machine;
    // Records: operation, count, then 126 bytes for the list; the first also fill the shared table.
    constexpr std::size_t kRecord = 128;
    auto* const shared = hal::frame_bytes(machine.guest->grants.frame(0));
    std::memcpy(shared, data, size < 256 ? size : 256);
    for (std::size_t at = 0; at + kRecord <= size && at < 32 * kRecord; at += kRecord) {
        std::memcpy(fake_machine().guest.data(), data + at + 2, kRecord - 2);
        machine.call(
            __HYPERVISOR_grant_table_op, {data[at] % 16U, FakeMachine::kGuestStart, data[at + 1]}
        );
    }
    machine.finish();
    return 0;
}
