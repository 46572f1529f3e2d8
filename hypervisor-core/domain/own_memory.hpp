// SPDX-License-Identifier: Apache-2.0
// Objects of the hypervisor in frames of their own: domains and vCPUs.
#pragma once

#include "hypervisor-core/hal/memory.hpp"
#include "hypervisor-core/mm/memory.hpp"

#include <bit>
#include <new>

namespace zocalo::hv {

template <class T> constexpr unsigned order_of()
{
    constexpr std::uint64_t kPages = (sizeof(T) + kPageSize - 1) >> kPageShift;
    return static_cast<unsigned>(std::bit_width(kPages - 1));
}

inline Mfn own_frame(const void* object)
{
    return Mfn{(reinterpret_cast<std::uintptr_t>(object) - hal::direct_map) >> kPageShift};
}

template <class T> Result<T*> make(Memory& memory)
{
    const Mfn frames = TRY(memory.allocate(order_of<T>()));
    return new (hal::frame_bytes(frames)) T{};
}

template <class T> void unmake(Memory& memory, T* object)
{
    object->~T();
    memory.free(own_frame(object), order_of<T>());
}

} // namespace zocalo::hv
