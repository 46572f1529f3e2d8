// SPDX-License-Identifier: Apache-2.0
// Any hypercall with any arguments by an ordinary domain, through the dispatcher: each pointer
// leads into memory that the fuzzer filled, or nowhere.
#include "tests/fuzz/hostile_guest.hpp"

#include <algorithm>
#include <cstring>

namespace zocalo::hv {
namespace {

std::uint64_t argument(const std::uint8_t* bytes)
{
    std::uint32_t value = 0;
    std::memcpy(&value, bytes, sizeof(value));
    switch (value & 7) {
    case 0:
    case 1:
    case 2:
        return value >> 3 & 0xff;
    case 3:
    case 4:
        return FakeMachine::kGuestStart + (value >> 3 & 0x3f) * 64;
    case 5:
        return FakeMachine::kGuestStart + (value >> 3) % FakeMachine::kGuestBytes;
    case 6:
        return value >> 3;
    default:
        return ~std::uint64_t{value >> 3};
    }
}

} // namespace
} // namespace zocalo::hv

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace zocalo::hv;
    HostileGuest machine;
    // Records: number, five arguments, then 107 bytes for the memory that pointers lead to.
    constexpr std::size_t kRecord = 128, kMemory = 21;
    for (std::size_t at = 0; at + kRecord <= size && at < 64 * kRecord; at += kRecord) {
        const std::uint8_t* const record = data + at;
        for (std::size_t to = 0; to + kRecord <= 0x1000; to += kRecord)
            std::copy_n(
                record + kMemory,
                kRecord - kMemory,
                reinterpret_cast<std::uint8_t*>(fake_machine().guest.data()) + to
            );
        std::array<std::uint64_t, 5> arguments{};
        for (std::size_t i = 0; i < arguments.size(); ++i)
            arguments[i] = argument(record + 1 + 4 * i);
        machine.call(record[0] % 64, arguments);
        if (machine.guest->shut_down)
            break;
        machine.check();
    }
    machine.finish();
    return 0;
}
