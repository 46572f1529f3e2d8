// SPDX-License-Identifier: Apache-2.0
// Where the compressed kernel sits in a Linux bzImage, and which compression a run of bytes uses.
// Source: the Linux/x86 boot protocol (setup header, 2.08 and newer). Decompression is the hosted
// side's.
#pragma once

#include "common/xen-build/build_fault.hpp"
#include "common/xen-build/elf_file.hpp"

namespace zocalo::xen {

enum class Packing { none, gzip, bzip2, lzma, xz, lzo, lz4, zstd, unknown };

// What the first bytes say; `none` for an ELF file.
Packing detect_packing(std::span<const std::byte> bytes);

// "gzip", "xz", …
const char* name(Packing packing);

bool is_bzimage(std::span<const std::byte> file);

// The payload inside the file. Its last four bytes are the unpacked size for every format but gzip,
// which has it of its own accord.
Planned<FileRange> bzimage_payload(std::span<const std::byte> file);

} // namespace zocalo::xen
