// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/build/decompress.hpp"

#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

namespace zocalo::toolstack {
namespace {

constexpr std::size_t kFirstGuess = 1 << 20;
constexpr std::uint64_t kDecoderMemory = 256ULL << 20; // an xz dictionary may ask for much more

Error broken(xen::Packing packing, const std::string& why)
{
    return {
        Code::usage,
        std::string{"cannot unpack its "} + xen::name(packing) + " payload: " + why,
        "the file is damaged; install the kernel package again"};
}

Error bomb(xen::Packing packing, std::size_t limit)
{
    return {
        Code::usage,
        std::string{"its "} + xen::name(packing) + " payload unpacks to more than " +
            std::to_string(limit >> 20) + " MiB",
        "no kernel is that large; check where the file comes from"};
}

// Bytes produced so far, and room for more up to the limit.
class Output {
  public:
    Output(std::size_t guess, std::size_t limit) : limit_{limit}
    {
        bytes_.resize(std::min(std::max(guess, kFirstGuess), limit));
    }
    // At least one byte of room, or false at the limit.
    bool make_room() { return room() != 0 || grow(); }
    // More room than now, or false at the limit.
    bool grow()
    {
        if (bytes_.size() >= limit_)
            return false;
        bytes_.resize(std::min(bytes_.size() * 2, limit_));
        return true;
    }
    template <class T> T* next() { return reinterpret_cast<T*>(bytes_.data() + used_); }
    std::size_t room() const { return bytes_.size() - used_; }
    std::size_t room_below(std::size_t most) const { return std::min(room(), most); }
    void produced(std::size_t count) { used_ += count; }
    std::vector<std::byte> take()
    {
        bytes_.resize(used_);
        return std::move(bytes_);
    }

  private:
    std::size_t limit_;
    std::size_t used_{};
    std::vector<std::byte> bytes_;
};

// What a kernel's build appends: the unpacked size. Only a guess for how much room to make.
std::size_t size_hint(std::span<const std::byte> input)
{
    if (input.size() < 4)
        return 0;
    return xen::ByteView{input}.number(input.size() - 4, 4).value_or(0);
}

Outcome<std::vector<std::byte>>
gunzip(std::span<const std::byte> input, Output out, std::size_t limit)
{
    z_stream stream{};
    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
        return broken(xen::Packing::gzip, "zlib cannot start");
    const std::unique_ptr<z_stream, int (*)(z_stream*)> guard{&stream, inflateEnd};
    // The input is at most 256 MiB, so 32-bit counters do; zlib's pointer is not const.
    stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(input.data()));
    stream.avail_in = static_cast<uInt>(input.size());
    for (;;) {
        if (!out.make_room())
            return bomb(xen::Packing::gzip, limit);
        const std::size_t room = out.room_below(1U << 30);
        stream.next_out = out.next<Bytef>();
        stream.avail_out = static_cast<uInt>(room);
        const int rc = inflate(&stream, Z_NO_FLUSH);
        out.produced(room - stream.avail_out);
        if (rc == Z_STREAM_END)
            return out.take();
        if (rc == Z_BUF_ERROR || (rc == Z_OK && stream.avail_in == 0 && stream.avail_out != 0))
            return broken(xen::Packing::gzip, "it ends early");
        if (rc != Z_OK)
            return broken(xen::Packing::gzip, stream.msg != nullptr ? stream.msg : "bad data");
    }
}

Outcome<std::vector<std::byte>>
unbzip2(std::span<const std::byte> input, Output out, std::size_t limit)
{
    bz_stream stream{};
    if (BZ2_bzDecompressInit(&stream, 0, 0) != BZ_OK)
        return broken(xen::Packing::bzip2, "libbz2 cannot start");
    const std::unique_ptr<bz_stream, int (*)(bz_stream*)> guard{&stream, BZ2_bzDecompressEnd};
    stream.next_in = const_cast<char*>(reinterpret_cast<const char*>(input.data()));
    stream.avail_in = static_cast<unsigned>(input.size());
    for (;;) {
        if (!out.make_room())
            return bomb(xen::Packing::bzip2, limit);
        const std::size_t room = out.room_below(1U << 30);
        stream.next_out = out.next<char>();
        stream.avail_out = static_cast<unsigned>(room);
        const int rc = BZ2_bzDecompress(&stream);
        out.produced(room - stream.avail_out);
        if (rc == BZ_STREAM_END)
            return out.take();
        if (rc != BZ_OK)
            return broken(xen::Packing::bzip2, "bad data");
        if (stream.avail_in == 0 && stream.avail_out != 0)
            return broken(xen::Packing::bzip2, "it ends early");
    }
}

// Both .xz and the older .lzma.
Outcome<std::vector<std::byte>>
unlzma(std::span<const std::byte> input, xen::Packing packing, Output out, std::size_t limit)
{
    lzma_stream stream = LZMA_STREAM_INIT;
    const lzma_ret started = packing == xen::Packing::xz
                                 ? lzma_stream_decoder(&stream, kDecoderMemory, 0)
                                 : lzma_alone_decoder(&stream, kDecoderMemory);
    if (started != LZMA_OK)
        return broken(packing, "liblzma cannot start");
    const std::unique_ptr<lzma_stream, void (*)(lzma_stream*)> guard{&stream, lzma_end};
    stream.next_in = reinterpret_cast<const std::uint8_t*>(input.data());
    stream.avail_in = input.size();
    for (;;) {
        if (!out.make_room())
            return bomb(packing, limit);
        const std::size_t room = out.room();
        stream.next_out = out.next<std::uint8_t>();
        stream.avail_out = room;
        const lzma_ret rc = lzma_code(&stream, LZMA_RUN);
        out.produced(room - stream.avail_out);
        if (rc == LZMA_STREAM_END)
            return out.take();
        if (rc == LZMA_MEMLIMIT_ERROR)
            return broken(packing, "it needs more than 256 MiB to unpack");
        if (rc != LZMA_OK)
            return broken(packing, rc == LZMA_BUF_ERROR ? "it ends early" : "bad data");
        if (stream.avail_in == 0 && stream.avail_out != 0)
            return broken(packing, "it ends early");
    }
}

Outcome<std::vector<std::byte>>
unzstd(std::span<const std::byte> input, Output out, std::size_t limit)
{
    const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context{
        ZSTD_createDCtx(), ZSTD_freeDCtx};
    if (!context)
        return broken(xen::Packing::zstd, "libzstd cannot start");
    ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, 28); // 256 MiB
    ZSTD_inBuffer in{input.data(), input.size(), 0};
    for (;;) {
        if (!out.make_room())
            return bomb(xen::Packing::zstd, limit);
        ZSTD_outBuffer to{out.next<void>(), out.room(), 0};
        const std::size_t rc = ZSTD_decompressStream(context.get(), &to, &in);
        out.produced(to.pos);
        if (ZSTD_isError(rc) != 0)
            return broken(xen::Packing::zstd, ZSTD_getErrorName(rc));
        if (rc == 0)
            return out.take();
        if (in.pos == in.size && to.pos < to.size)
            return broken(xen::Packing::zstd, "it ends early");
    }
}

// The legacy frame: a magic, then blocks of {packed size, data} that unpack to at most 8 MiB each.
Outcome<std::vector<std::byte>>
unlz4(std::span<const std::byte> input, Output out, std::size_t limit)
{
    constexpr int kBlock = 8 << 20;
    const xen::ByteView view{input};
    std::uint64_t at = 4;
    // The last four bytes are the unpacked size, not a block.
    while (view.contains(at, 4) && (at + 4 < view.size() || at == 4)) {
        const std::uint64_t packed = view.number(at, 4).value_or(0);
        at += 4;
        if (packed == 0 || packed > LZ4_COMPRESSBOUND(kBlock) || !view.contains(at, packed))
            return broken(xen::Packing::lz4, "it ends early");
        if (!out.make_room())
            return bomb(xen::Packing::lz4, limit);
        const auto* block = reinterpret_cast<const char*>(input.data() + at);
        const int size = static_cast<int>(packed);
        int count = LZ4_decompress_safe(
            block, out.next<char>(), size, static_cast<int>(out.room_below(kBlock))
        );
        while (count < 0 && out.room() < kBlock && out.grow())
            count = LZ4_decompress_safe(
                block, out.next<char>(), size, static_cast<int>(out.room_below(kBlock))
            );
        if (count < 0)
            return out.room() < kBlock ? bomb(xen::Packing::lz4, limit)
                                       : broken(xen::Packing::lz4, "bad data");
        out.produced(static_cast<std::size_t>(count));
        at += packed;
    }
    if (at == 4)
        return broken(xen::Packing::lz4, "it ends early");
    return out.take();
}

} // namespace

Outcome<std::vector<std::byte>>
decompress(std::span<const std::byte> input, xen::Packing packing, std::size_t limit)
{
    if (input.size() > std::numeric_limits<std::uint32_t>::max())
        return broken(packing, "it is larger than 4 GiB");
    Output out{size_hint(input), limit};
    switch (packing) {
    case xen::Packing::gzip:
        return gunzip(input, std::move(out), limit);
    case xen::Packing::bzip2:
        return unbzip2(input, std::move(out), limit);
    case xen::Packing::lzma:
    case xen::Packing::xz:
        return unlzma(input, packing, std::move(out), limit);
    case xen::Packing::zstd:
        return unzstd(input, std::move(out), limit);
    case xen::Packing::lz4:
        return unlz4(input, std::move(out), limit);
    case xen::Packing::none:
    case xen::Packing::lzo:
    case xen::Packing::unknown:
        break;
    }
    return Error{
        Code::unsupported,
        std::string{"its payload is packed with "} + xen::name(packing) +
            ", which is not supported",
        "use a kernel packed with gzip, bzip2, lzma, xz, lz4 or zstd"};
}

Outcome<std::vector<std::byte>> unpack_kernel(std::span<const std::byte> file, std::size_t limit)
{
    if (xen::is_bzimage(file)) {
        const auto payload = xen::bzimage_payload(file);
        if (!payload)
            return Error{Code::usage, xen::describe(payload.error()), ""};
        file = file.subspan(payload->offset, payload->length);
    }
    const xen::Packing packing = xen::detect_packing(file);
    if (packing == xen::Packing::unknown)
        return Error{
            Code::usage,
            xen::describe(
                file.empty() ? xen::BuildFault::empty_file : xen::BuildFault::unknown_format
            ),
            "give a vmlinuz or vmlinux in `kernel=`"};
    if (packing != xen::Packing::none)
        return decompress(file, packing, limit);
    if (file.size() > limit)
        return bomb(packing, limit);
    return std::vector<std::byte>{file.begin(), file.end()};
}

} // namespace zocalo::toolstack
