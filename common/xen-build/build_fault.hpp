// SPDX-License-Identifier: Apache-2.0
// BuildFault: why a kernel cannot be turned into a guest. One value per cause, so that the hosted
// side can print a precise sentence and tests can name what they expect. It knows no files and no
// domains.
#pragma once

#include "common/base/result.hpp"

namespace zocalo::xen {

enum class BuildFault {
    // the file
    empty_file,
    unknown_format,
    truncated,
    // bzImage
    bzimage_too_old,
    bzimage_bad_setup,
    bzimage_bad_payload,
    // ELF
    elf_not_little_endian,
    elf_wrong_machine,
    elf_not_executable,
    elf_bad_header,
    elf_no_segments,
    elf_too_many_segments,
    elf_segment_outside_file,
    elf_segment_wraps,
    elf_segments_overlap,
    // Xen's ELF notes
    notes_missing,
    note_malformed,
    note_wrong_size,
    note_bad_version,
    note_bad_loader,
    note_no_virt_base,
    note_no_phys32_entry,
    // what the notes ask for
    pv_needs_64_bit,
    pv_virt_base_unaligned,
    pv_kernel_below_base,
    pv_address_wraps,
    pv_address_in_hypervisor_hole,
    pv_entry_outside_kernel,
    pv_hypercall_page_outside_kernel,
    pv_p2m_overlaps_kernel,
    pv_crosses_top_slot,
    pvh_entry_outside_kernel,
    pvh_kernel_above_hole,
    // the guest's size
    memory_too_small,
    memory_too_large,
    initrd_too_large,
    command_line_too_long,
    bad_vcpu_count,
};

// What is wrong, as the middle of a sentence: "kernel /x: <text>". Never null.
const char* describe(BuildFault fault);

template <class T> using Planned = Result<T, BuildFault>;

} // namespace zocalo::xen
