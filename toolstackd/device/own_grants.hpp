// SPDX-License-Identifier: Apache-2.0
// The limit of pages that all programs of this host together may grant by /dev/xen/gntalloc, a
// parameter of its kernel module. Network backends grant 83 each to their own domain
// (common/xen-sys/own_pages); the module's default is enough for twelve.
#pragma once

#include "common/error/error.hpp"

#include <string>

namespace zocalo::toolstack {

inline constexpr const char* kOwnGrantsLimit = "/sys/module/xen_gntalloc/parameters/limit";
// Half of what fits into a grant table of Xen's default size (64 frames of 512 entries).
inline constexpr unsigned kOwnGrants = 16384;

// Raises the limit to kOwnGrants; a higher one stays. Errors: the module is not loaded, no right
// to.
Outcome<Unit> raise_own_grants(const std::string& parameter = kOwnGrantsLimit);

} // namespace zocalo::toolstack
