// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_console_io: dom0's messages go where ours go. Nothing is read from the console yet.
#include "hypervisor-core/hal/console.hpp"
#include "hypervisor-core/hypercall/handlers.hpp"

namespace zocalo::hv {
namespace {

Answer write(const Call& call)
{
    constexpr std::uint64_t kChunk = 128;
    const GuestArray<char> text{call.arguments[2]};
    const std::uint64_t count = call.arguments[1];
    std::array<char, kChunk> buffer{};
    for (std::uint64_t done = 0; done < count; done += kChunk) {
        const std::uint64_t step = count - done < kChunk ? count - done : kChunk;
        if (!hal::copy_from_guest(buffer.data(), text[done].address(), step))
            return Errno::fault;
        hal::write_console({buffer.data(), step});
    }
    return 0;
}

} // namespace

Answer hypercall::console_io(Call& call)
{
    if (!call.domain().privileged)
        return Errno::perm;
    constexpr std::uint64_t kMostBytes = 1 << 16; // a longer write is nobody's message
    if (call.arguments[1] > kMostBytes)
        return Errno::inval;
    switch (call.arguments[0]) {
    case CONSOLEIO_write:
        return write(call);
    case CONSOLEIO_read:
        return 0;
    default:
        return Errno::nosys;
    }
}

} // namespace zocalo::hv
