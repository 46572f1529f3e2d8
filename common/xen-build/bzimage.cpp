// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/bzimage.hpp"

namespace zocalo::xen {
namespace {

constexpr std::uint64_t kSectorSize = 512;
constexpr std::uint64_t kSetupSectors = 0x1f1;
constexpr std::uint64_t kMagicAt = 0x202; // "HdrS"
constexpr std::uint64_t kVersion = 0x206;
constexpr std::uint64_t kPayloadOffset = 0x248;
constexpr std::uint64_t kPayloadLength = 0x24c;
constexpr std::uint64_t kFirstVersionWithPayload = 0x208;
constexpr std::uint64_t kDefaultSetupSectors = 4; // what a zero means

} // namespace

Packing detect_packing(std::span<const std::byte> bytes)
{
    const ByteView view{bytes};
    if (view.has_text(
            0,
            "\x7f"
            "ELF"
        ))
        return Packing::none;
    if (view.has_text(0, "\x1f\x8b"))
        return Packing::gzip;
    if (view.has_text(0, "BZh"))
        return Packing::bzip2;
    if (view.has_text(
            0,
            "\xfd"
            "7zXZ"
        ))
        return Packing::xz;
    if (view.has_text(0, "\x89LZO"))
        return Packing::lzo;
    if (view.number(0, 4) == 0x184c2102U) // legacy frame, the one kernels use
        return Packing::lz4;
    if (view.number(0, 4) == 0xfd2fb528U)
        return Packing::zstd;
    // LZMA-alone has no magic: properties byte 0x5d and a dictionary size that is a multiple of 64
    // KiB.
    if (view.number(0, 3) == 0x00005dU)
        return Packing::lzma;
    return Packing::unknown;
}

const char* name(Packing packing)
{
    switch (packing) {
    case Packing::none:
        return "ELF";
    case Packing::gzip:
        return "gzip";
    case Packing::bzip2:
        return "bzip2";
    case Packing::lzma:
        return "lzma";
    case Packing::xz:
        return "xz";
    case Packing::lzo:
        return "lzo";
    case Packing::lz4:
        return "lz4";
    case Packing::zstd:
        return "zstd";
    case Packing::unknown:
        break;
    }
    return "unknown";
}

bool is_bzimage(std::span<const std::byte> file)
{
    return ByteView{file}.has_text(kMagicAt, "HdrS");
}

Planned<FileRange> bzimage_payload(std::span<const std::byte> file)
{
    const ByteView view{file};
    if (!view.has_text(kMagicAt, "HdrS"))
        return BuildFault::unknown_format;
    const auto version = view.number(kVersion, 2);
    if (!version)
        return BuildFault::truncated;
    if (*version < kFirstVersionWithPayload)
        return BuildFault::bzimage_too_old;
    const auto sectors = view.number(kSetupSectors, 1);
    const auto offset = view.number(kPayloadOffset, 4);
    const auto length = view.number(kPayloadLength, 4);
    if (!sectors || !offset || !length)
        return BuildFault::truncated;
    const std::uint64_t setup =
        ((*sectors == 0 ? kDefaultSetupSectors : *sectors) + 1) * kSectorSize;
    if (setup > view.size())
        return BuildFault::bzimage_bad_setup;
    if (*length == 0 || !view.contains(setup + *offset, *length))
        return BuildFault::bzimage_bad_payload;
    return FileRange{setup + *offset, *length};
}

} // namespace zocalo::xen
