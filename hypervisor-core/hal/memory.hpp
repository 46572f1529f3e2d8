// SPDX-License-Identifier: Apache-2.0
// How the rules reach memory: machine frames through the direct map, guest memory through copies
// that survive a bad address. The image implements it in arch/x86_64, the unit tests in arch/fake.
#pragma once

#include "common/base/address.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace zocalo::hv::hal {

// Virtual address of machine address 0. Every frame of RAM is mapped there, writable.
extern const std::uintptr_t direct_map;

inline std::byte* machine_bytes(std::uint64_t machine_address)
{
    return reinterpret_cast<std::byte*>(direct_map + machine_address);
}

inline std::byte* frame_bytes(Mfn mfn)
{
    return machine_bytes(mfn.value << kPageShift);
}

inline std::span<std::uint64_t, 512> table_entries(Mfn mfn)
{
    return std::span<std::uint64_t, 512>{reinterpret_cast<std::uint64_t*>(frame_bytes(mfn)), 512};
}

// Copies between the hypervisor and the running guest's virtual memory. False when any byte is not
// accessible to the guest that way; what was copied before the fault stays copied.
bool copy_from_guest(void* to, std::uint64_t from, std::size_t bytes);
bool copy_to_guest(std::uint64_t to, const void* from, std::size_t bytes);

void clear_frame(Mfn mfn);
void copy_frame(Mfn to, Mfn from);

} // namespace zocalo::hv::hal
