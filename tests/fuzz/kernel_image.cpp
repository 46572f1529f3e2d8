// SPDX-License-Identifier: Apache-2.0
// Any bytes as a kernel file: parsing and planning must refuse or succeed, never read outside, and
// a plan must stay inside the guest.
#include "common/xen-build/bzimage.hpp"
#include "common/xen-build/pv_plan.hpp"
#include "common/xen-build/pvh_plan.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace zocalo::xen;
    const std::span<const std::byte> file{reinterpret_cast<const std::byte*>(data), size};
    if (const auto payload = bzimage_payload(file))
        if (payload->offset > size || payload->length > size - payload->offset)
            std::abort();
    const auto image = parse_kernel(file);
    if (!image)
        return 0;
    for (const LoadSegment& segment : image->elf.loads())
        if (segment.file_offset > size || segment.filesz > size - segment.file_offset)
            std::abort();
    constexpr std::uint64_t kPages = 1 << 18;
    const auto pv = plan_pv(*image, {.pages = kPages, .initrd_bytes = 12345});
    if (pv && (pv->used_pages > kPages || pv->kernel.end().value > kPages))
        std::abort();
    const auto pvh = plan_pvh(*image, {.pages = kPages, .vcpus = 4, .initrd_bytes = 12345});
    if (pvh && pvh->initrd.end() > kPages << 12)
        std::abort();
    return 0;
}
