// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/build_fault.hpp"

namespace zocalo::xen {
namespace {

const char* describe_file(BuildFault fault)
{
    switch (fault) {
    case BuildFault::empty_file:
        return "the file is empty";
    case BuildFault::unknown_format:
        return "neither an ELF file nor a Linux bzImage";
    case BuildFault::truncated:
        return "the file ends before its headers say it does";
    case BuildFault::bzimage_too_old:
        return "a bzImage with boot protocol older than 2.08, which has no payload to extract";
    case BuildFault::bzimage_bad_setup:
        return "a bzImage whose setup size lies outside the file";
    case BuildFault::bzimage_bad_payload:
        return "a bzImage whose payload lies outside the file";
    case BuildFault::elf_not_little_endian:
        return "an ELF file that is not little-endian";
    case BuildFault::elf_wrong_machine:
        return "an ELF file for another processor than x86";
    case BuildFault::elf_not_executable:
        return "an ELF file that is not executable";
    case BuildFault::elf_bad_header:
        return "an ELF file with an inconsistent header";
    case BuildFault::elf_no_segments:
        return "an ELF file without loadable segments";
    case BuildFault::elf_too_many_segments:
        return "an ELF file with an absurd number of segments";
    case BuildFault::elf_segment_outside_file:
        return "an ELF segment reaches past the end of the file";
    case BuildFault::elf_segment_wraps:
        return "an ELF segment wraps around the address space";
    case BuildFault::elf_segments_overlap:
        return "ELF segments overlap in memory";
    default:
        return nullptr;
    }
}

const char* describe_notes(BuildFault fault)
{
    switch (fault) {
    case BuildFault::notes_missing:
        return "no Xen ELF notes: this kernel was built without Xen guest support";
    case BuildFault::note_malformed:
        return "a malformed ELF note";
    case BuildFault::note_wrong_size:
        return "a Xen ELF note of an impossible size";
    case BuildFault::note_bad_version:
        return "the XEN_VERSION note is not xen-3.0";
    case BuildFault::note_bad_loader:
        return "the LOADER note is not generic";
    case BuildFault::note_no_virt_base:
        return "no VIRT_BASE note: this kernel cannot run as a PV guest (try type=\"pvh\")";
    case BuildFault::note_no_phys32_entry:
        return "no PHYS32_ENTRY note: this kernel cannot run as a PVH guest (try type=\"pv\")";
    case BuildFault::pv_needs_64_bit:
        return "a 32-bit kernel: PV guests must be x86-64";
    case BuildFault::pv_virt_base_unaligned:
        return "VIRT_BASE or INIT_P2M is not page aligned";
    case BuildFault::pv_kernel_below_base:
        return "a kernel segment lies below VIRT_BASE";
    case BuildFault::pv_address_wraps:
        return "the kernel's virtual addresses wrap or are not canonical";
    case BuildFault::pv_address_in_hypervisor_hole:
        return "the kernel asks for addresses that belong to the hypervisor";
    case BuildFault::pv_entry_outside_kernel:
        return "the PV entry point lies outside the kernel";
    case BuildFault::pv_hypercall_page_outside_kernel:
        return "the HYPERCALL_PAGE note lies outside the kernel or not at a page";
    case BuildFault::pv_p2m_overlaps_kernel:
        return "INIT_P2M lies in the same 512 GiB as the kernel";
    case BuildFault::pv_crosses_top_slot:
        return "the boot mapping does not fit into the 512 GiB slot it starts in";
    case BuildFault::pvh_entry_outside_kernel:
        return "PHYS32_ENTRY lies outside the kernel";
    case BuildFault::pvh_kernel_above_hole:
        return "the kernel does not fit below the PVH memory hole at 3.75 GiB";
    default:
        return nullptr;
    }
}

const char* describe_size(BuildFault fault)
{
    switch (fault) {
    case BuildFault::memory_too_small:
        return "the guest's memory is too small for kernel, initrd and start-of-day tables";
    case BuildFault::memory_too_large:
        return "the guest's memory is larger than this builder supports";
    case BuildFault::initrd_too_large:
        return "the initrd does not fit into the guest's memory";
    case BuildFault::command_line_too_long:
        return "the kernel command line is too long";
    case BuildFault::bad_vcpu_count:
        return "the number of vCPUs is out of range";
    default:
        return "an unknown fault";
    }
}

} // namespace

const char* describe(BuildFault fault)
{
    if (const char* text = describe_file(fault))
        return text;
    if (const char* text = describe_notes(fault))
        return text;
    return describe_size(fault);
}

} // namespace zocalo::xen
