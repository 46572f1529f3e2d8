// SPDX-License-Identifier: Apache-2.0
// Any bytes as a region of ELF notes.
#include "common/xen-build/xen_notes.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace zocalo::xen;
    XenNotes notes;
    const auto read = read_notes(ByteView{{reinterpret_cast<const std::byte*>(data), size}}, notes);
    if (read && notes.virt_base && !notes.any)
        std::abort();
    return 0;
}
