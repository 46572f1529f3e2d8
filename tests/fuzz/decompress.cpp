// SPDX-License-Identifier: Apache-2.0
// The first byte chooses the format, the rest is the stream: whatever it holds, the output keeps
// its bound.
#include "toolstackd/build/decompress.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    constexpr std::size_t kLimit = 1 << 20;
    if (size == 0)
        return 0;
    const auto packing = static_cast<zocalo::xen::Packing>(data[0] % 9);
    const std::span<const std::byte> stream{reinterpret_cast<const std::byte*>(data + 1), size - 1};
    const auto unpacked = zocalo::toolstack::decompress(stream, packing, kLimit);
    if (unpacked && unpacked->size() > kLimit)
        std::abort();
    return 0;
}
