// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/kernel_image.hpp"

namespace zocalo::xen {

Planned<KernelImage> parse_kernel(std::span<const std::byte> elf)
{
    const ByteView file{elf};
    KernelImage image{};
    image.elf = TRY(ElfFile::parse(file));
    image.paddr_start = ~std::uint64_t{0};
    for (const LoadSegment& segment : image.elf.loads()) {
        if (segment.paddr < image.paddr_start)
            image.paddr_start = segment.paddr;
        if (segment.paddr + segment.memsz > image.paddr_end)
            image.paddr_end = segment.paddr + segment.memsz;
    }
    for (const FileRange& range : image.elf.notes()) {
        const auto region = file.slice(range.offset, range.length);
        if (!region)
            return BuildFault::elf_segment_outside_file;
        TRY(read_notes(*region, image.notes));
    }
    if (!image.notes.any)
        return BuildFault::notes_missing;
    return image;
}

} // namespace zocalo::xen
