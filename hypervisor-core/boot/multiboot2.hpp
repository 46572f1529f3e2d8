// SPDX-License-Identifier: Apache-2.0
// The information structure of Multiboot 2: a list of tags.
#pragma once

#include "hypervisor-core/boot/boot_info.hpp"

namespace zocalo::hv {

// inval when it has no memory map, or is no list of tags.
Result<Unit> read_multiboot2(std::uint32_t info_address, BootInfo& out);

} // namespace zocalo::hv
