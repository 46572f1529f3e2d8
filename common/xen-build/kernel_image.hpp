// SPDX-License-Identifier: Apache-2.0
// KernelImage: everything a planner needs to know of an uncompressed kernel: where its bytes go and
// what its Xen notes ask for. A value, so it can outlive the file it was read from.
#pragma once

#include "common/xen-build/elf_file.hpp"
#include "common/xen-build/xen_notes.hpp"

namespace zocalo::xen {

struct KernelImage {
    ElfFile elf;
    XenNotes notes;
    std::uint64_t paddr_start{}; // lowest and one past the highest byte of any segment
    std::uint64_t paddr_end{};
};

// Parses an uncompressed ELF kernel. `notes_missing` when Xen is not mentioned in it at all.
Planned<KernelImage> parse_kernel(std::span<const std::byte> elf);

} // namespace zocalo::xen
