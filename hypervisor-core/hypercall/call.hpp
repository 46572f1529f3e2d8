// SPDX-License-Identifier: Apache-2.0
// Call: one hypercall being answered: who calls and with which arguments. Handlers have one
// signature and one file each; table.cpp lists them.
#pragma once

#include "hypervisor-core/domain/system.hpp"
#include "hypervisor-core/hypercall/answer.hpp"
#include "hypervisor-core/hypercall/guest_ref.hpp"

#include <array>

namespace zocalo::hv {

struct Call {
    System& system;
    Vcpu& vcpu;
    TrapFrame& frame; // the caller's registers
    std::uint64_t number{};
    std::array<std::uint64_t, 5> arguments{};

    Domain& domain() const { return *vcpu.domain; }
    template <class T> GuestRef<T> ref(unsigned argument) const
    {
        return GuestRef<T>{arguments[argument]};
    }
    // Go on later, from `first` of the arguments changed as given.
    Answer again(std::array<std::uint64_t, 5> changed) const { return Continue{changed}; }
};

using Handler = Answer (*)(Call&);

// Runs the call; nosys for numbers nobody handles. Refusals are logged once per number and
// sub-operation.
Answer dispatch(Call& call);
// The same as a part of another call, whose time and patience it shares.
Answer dispatch_part(Call& call);

} // namespace zocalo::hv
