// SPDX-License-Identifier: Apache-2.0
// Decompression of kernels with the stock libraries. The input is hostile: output is bounded by the
// caller's limit, memory by a constant, and every library error becomes a sentence.
#pragma once

#include "common/error/error.hpp"
#include "common/xen-build/bzimage.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace zocalo::toolstack {

// Unpacks one stream; bytes behind its end are ignored (kernels append the unpacked size). More
// than `limit` bytes of output are an error, so is a stream that ends early.
Outcome<std::vector<std::byte>>
decompress(std::span<const std::byte> input, xen::Packing packing, std::size_t limit);

// The ELF file inside a kernel file: an ELF as it is, a bzImage's payload, or a packed ELF.
Outcome<std::vector<std::byte>> unpack_kernel(std::span<const std::byte> file, std::size_t limit);

} // namespace zocalo::toolstack
