// SPDX-License-Identifier: Apache-2.0
// Copying between pages that domains own or were granted (GNTTABOP_copy). Under the system lock.
#pragma once

#include "hypervisor-core/grant/grant_table.hpp"

namespace zocalo::hv {

// One side of a copy: a granted page, or a page of the caller's own.
struct CopySide {
    GrantTable* granter{}; // null: `mfn` is meant
    GrantRef ref{};
    Mfn mfn{};
    unsigned offset{};
};

// Copies `bytes`, which may not leave either page, in the name of `caller`. bad_copy_arg: it would;
// bad_page: the caller's own page is none of its own.
GrantStatus copy_granted(
    Memory& memory, DomId caller, const CopySide& source, const CopySide& dest, unsigned bytes
);

} // namespace zocalo::hv
