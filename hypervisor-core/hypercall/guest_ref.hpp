// SPDX-License-Identifier: Apache-2.0
// GuestRef<T>, GuestArray<T>: structures in the calling guest's memory. There is no operator*: a
// value is copied in once, checked and used as a copy, so the guest cannot change it in between.
#pragma once

#include "common/base/result.hpp"
#include "hypervisor-core/hal/memory.hpp"

#include <cstdint>
#include <type_traits>

namespace zocalo::hv {

template <class T> class GuestRef {
    static_assert(std::is_trivially_copyable_v<T>);

  public:
    explicit constexpr GuestRef(std::uint64_t address) : address_{address} {}

    constexpr bool is_null() const { return address_ == 0; }
    constexpr std::uint64_t address() const { return address_; }

    Result<T> copy_in() const
    {
        T value;
        if (!hal::copy_from_guest(&value, address_, sizeof(T)))
            return Errno::fault;
        return value;
    }
    Result<Unit> copy_out(const T& value) const
    {
        if (!hal::copy_to_guest(address_, &value, sizeof(T)))
            return Errno::fault;
        return Unit{};
    }

  private:
    std::uint64_t address_;
};

template <class T> class GuestArray {
  public:
    explicit constexpr GuestArray(std::uint64_t address) : address_{address} {}

    // The address wraps harmlessly for an absurd index: the copy then fails or is the guest's own.
    constexpr GuestRef<T> operator[](std::uint64_t index) const
    {
        return GuestRef<T>{address_ + index * sizeof(T)};
    }
    constexpr bool is_null() const { return address_ == 0; }

  private:
    std::uint64_t address_;
};

// From the handles inside the public structures (XEN_GUEST_HANDLE_64).
template <class Handle> constexpr std::uint64_t address_of(const Handle& handle)
{
    return reinterpret_cast<std::uint64_t>(handle.p);
}

} // namespace zocalo::hv
