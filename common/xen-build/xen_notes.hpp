// SPDX-License-Identifier: Apache-2.0
// XenNotes: what a kernel says about itself in ELF notes owned by "Xen" (xen/elfnote.h). Only the
// notes a builder acts on are kept; unknown ones are skipped, as the header asks.
#pragma once

#include "common/xen-build/build_fault.hpp"
#include "common/xen-build/byte_view.hpp"

#include <cstdint>
#include <optional>

namespace zocalo::xen {

struct XenNotes {
    bool any{};                                // at least one note of Xen's was there
    std::optional<std::uint64_t> entry;        // XEN_ELFNOTE_ENTRY, virtual
    std::optional<std::uint64_t> hypercall;    // XEN_ELFNOTE_HYPERCALL_PAGE, virtual
    std::optional<std::uint64_t> virt_base;    // XEN_ELFNOTE_VIRT_BASE
    std::optional<std::uint64_t> paddr_offset; // XEN_ELFNOTE_PADDR_OFFSET
    std::optional<std::uint64_t> init_p2m;     // XEN_ELFNOTE_INIT_P2M, virtual
    std::optional<std::uint64_t> phys32_entry; // XEN_ELFNOTE_PHYS32_ENTRY, physical
    bool mod_start_pfn{}; // XEN_ELFNOTE_MOD_START_PFN: initrd need not be mapped
};

// Adds the notes found in `region` (the bytes of one PT_NOTE or SHT_NOTE) to `notes`; a note seen
// twice keeps its first value.
Planned<Unit> read_notes(ByteView region, XenNotes& notes);

} // namespace zocalo::xen
