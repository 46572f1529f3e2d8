// SPDX-License-Identifier: Apache-2.0
// Compressors for tests, one per format a kernel may be packed with.
#pragma once

#include "common/xen-build/bzimage.hpp"
#include "tests/unit/common/xen-build/image_maker.hpp"

#include <bzlib.h>
#include <lz4hc.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

namespace zocalo::test {

inline Bytes gzip(const Bytes& in)
{
    z_stream s{};
    deflateInit2(&s, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    Bytes out(deflateBound(&s, in.size()) + 64);
    s.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(in.data()));
    s.avail_in = static_cast<uInt>(in.size());
    s.next_out = reinterpret_cast<Bytef*>(out.data());
    s.avail_out = static_cast<uInt>(out.size());
    deflate(&s, Z_FINISH);
    out.resize(s.total_out);
    deflateEnd(&s);
    return out;
}

inline Bytes bzip2(const Bytes& in)
{
    Bytes out(in.size() + in.size() / 50 + 1000);
    auto size = static_cast<unsigned>(out.size());
    BZ2_bzBuffToBuffCompress(
        reinterpret_cast<char*>(out.data()),
        &size,
        const_cast<char*>(reinterpret_cast<const char*>(in.data())),
        static_cast<unsigned>(in.size()),
        9,
        0,
        0
    );
    out.resize(size);
    return out;
}

inline Bytes run_lzma(lzma_stream& s, const Bytes& in)
{
    Bytes out(in.size() + (1 << 16));
    s.next_in = reinterpret_cast<const std::uint8_t*>(in.data());
    s.avail_in = in.size();
    s.next_out = reinterpret_cast<std::uint8_t*>(out.data());
    s.avail_out = out.size();
    while (lzma_code(&s, LZMA_FINISH) == LZMA_OK) {
    }
    out.resize(s.total_out);
    lzma_end(&s);
    return out;
}

inline Bytes xz(const Bytes& in)
{
    lzma_stream s = LZMA_STREAM_INIT;
    if (lzma_easy_encoder(&s, 1, LZMA_CHECK_CRC32) != LZMA_OK)
        return {};
    return run_lzma(s, in);
}

inline Bytes lzma_alone(const Bytes& in)
{
    lzma_stream s = LZMA_STREAM_INIT;
    lzma_options_lzma options{};
    lzma_lzma_preset(&options, 1);
    if (lzma_alone_encoder(&s, &options) != LZMA_OK)
        return {};
    return run_lzma(s, in);
}

inline Bytes zstd(const Bytes& in)
{
    Bytes out(ZSTD_compressBound(in.size()));
    out.resize(ZSTD_compress(out.data(), out.size(), in.data(), in.size(), 3));
    return out;
}

// The legacy frame of kernels: magic, then {size, block of at most 8 MiB}.
inline Bytes lz4(const Bytes& in)
{
    constexpr std::size_t kBlock = 8 << 20;
    Bytes out;
    put(out, 0, 0x184c2102, 4);
    for (std::size_t at = 0; at < in.size(); at += kBlock) {
        const int size = static_cast<int>(std::min(kBlock, in.size() - at));
        Bytes block(static_cast<std::size_t>(LZ4_compressBound(size)));
        const int packed = LZ4_compress_HC(
            reinterpret_cast<const char*>(in.data() + at),
            reinterpret_cast<char*>(block.data()),
            size,
            static_cast<int>(block.size()),
            1
        );
        put(out, out.size(), static_cast<std::uint64_t>(packed), 4);
        out.insert(out.end(), block.begin(), block.begin() + packed);
    }
    return out;
}

// As a kernel's build leaves it: everything but gzip gets the unpacked size appended.
inline Bytes packed(const Bytes& in, xen::Packing packing)
{
    Bytes out;
    switch (packing) {
    case xen::Packing::gzip:
        return gzip(in);
    case xen::Packing::bzip2:
        out = bzip2(in);
        break;
    case xen::Packing::lzma:
        out = lzma_alone(in);
        break;
    case xen::Packing::xz:
        out = xz(in);
        break;
    case xen::Packing::lz4:
        out = lz4(in);
        break;
    case xen::Packing::zstd:
        out = zstd(in);
        break;
    default:
        return in;
    }
    put(out, out.size(), in.size(), 4);
    return out;
}

} // namespace zocalo::test
