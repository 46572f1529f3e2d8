// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/xen_notes.hpp"

#include <xen/elfnote.h>

namespace zocalo::xen {
namespace {

constexpr std::uint64_t kHeaderSize = 12; // namesz, descsz, type

constexpr std::uint64_t round_up_4(std::uint64_t n)
{
    return (n + 3) & ~std::uint64_t{3};
}

struct Note {
    std::uint64_t type;
    ByteView description;
};

// Numbers come as 4 or 8 bytes, whatever the class of the file.
Planned<Unit> take_number(const Note& note, std::optional<std::uint64_t>& into)
{
    const std::uint64_t width = note.description.size();
    if (width != 4 && width != 8)
        return BuildFault::note_wrong_size;
    if (!into)
        into = note.description.number(0, static_cast<unsigned>(width));
    return Unit{};
}

// Text notes end with a NUL inside the description, or with the description.
template <std::size_t N> bool is_text(const Note& note, const char (&text)[N])
{
    return note.description.has_text(0, text) &&
           (note.description.size() == N - 1 || note.description.number(N - 1, 1) == 0U);
}

Planned<Unit> take(const Note& note, XenNotes& notes)
{
    notes.any = true;
    switch (note.type) {
    case XEN_ELFNOTE_ENTRY:
        return take_number(note, notes.entry);
    case XEN_ELFNOTE_HYPERCALL_PAGE:
        return take_number(note, notes.hypercall);
    case XEN_ELFNOTE_VIRT_BASE:
        return take_number(note, notes.virt_base);
    case XEN_ELFNOTE_PADDR_OFFSET:
        return take_number(note, notes.paddr_offset);
    case XEN_ELFNOTE_INIT_P2M:
        return take_number(note, notes.init_p2m);
    case XEN_ELFNOTE_PHYS32_ENTRY:
        return take_number(note, notes.phys32_entry);
    case XEN_ELFNOTE_MOD_START_PFN: {
        std::optional<std::uint64_t> value;
        TRY(take_number(note, value));
        notes.mod_start_pfn = notes.mod_start_pfn || value.value_or(0) != 0;
        return Unit{};
    }
    case XEN_ELFNOTE_XEN_VERSION:
        return is_text(note, "xen-3.0") ? Planned<Unit>{Unit{}} : BuildFault::note_bad_version;
    case XEN_ELFNOTE_LOADER:
        return is_text(note, "generic") ? Planned<Unit>{Unit{}} : BuildFault::note_bad_loader;
    default:
        return Unit{};
    }
}

} // namespace

Planned<Unit> read_notes(ByteView region, XenNotes& notes)
{
    std::uint64_t at = 0;
    while (region.contains(at, kHeaderSize)) {
        const std::uint64_t name_size = region.number(at, 4).value_or(0);
        const std::uint64_t desc_size = region.number(at + 4, 4).value_or(0);
        const std::uint64_t type = region.number(at + 8, 4).value_or(0);
        const std::uint64_t name = at + kHeaderSize;
        const std::uint64_t desc = name + round_up_4(name_size);
        const auto description = region.slice(desc, desc_size);
        if (!region.contains(name, name_size) || !description)
            return BuildFault::note_malformed;
        if (name_size == 4 && region.number(name, 4) == 0x006e6558U) // "Xen\0"
            TRY(take({type, *description}, notes));
        at = desc + round_up_4(desc_size);
    }
    return Unit{};
}

} // namespace zocalo::xen
