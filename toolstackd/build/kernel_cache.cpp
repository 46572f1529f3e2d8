// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/build/kernel_cache.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace zocalo::toolstack {
namespace {

namespace fs = std::filesystem;

constexpr std::array<char, 16> kMagic{
    'z', 'o', 'c', 'a', 'l', 'o', ' ', 'k', 'e', 'r', 'n', 'e', 'l', ' ', '1', '\n'};
constexpr const char* kSuffix = ".elf";

struct Trailer {
    std::array<char, 16> magic;
    std::uint64_t size;
    std::uint64_t crc;
};

std::uint64_t crc_of(std::span<const std::byte> bytes)
{
    return crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
}

Outcome<Unit> write_all(int file, std::span<const std::byte> bytes)
{
    while (!bytes.empty()) {
        const ssize_t count = ::write(file, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return system_error("cannot write", errno);
        bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    return Unit{};
}

// Oldest first out; what cannot be removed is left for the next time.
void prune(const fs::path& folder, std::size_t keep)
{
    std::error_code ignored;
    std::vector<std::pair<fs::file_time_type, fs::path>> files;
    for (const fs::directory_entry& entry : fs::directory_iterator{folder, ignored})
        if (entry.path().extension() == kSuffix)
            files.emplace_back(entry.last_write_time(ignored), entry.path());
    std::sort(files.begin(), files.end());
    for (std::size_t i = 0; i + keep < files.size(); ++i)
        fs::remove(files[i].second, ignored);
}

Outcome<Unit> write_file(int file, std::span<const std::byte> bytes)
{
    const Trailer trailer{kMagic, bytes.size(), crc_of(bytes)};
    TRY(write_all(file, bytes));
    TRY(write_all(file, std::as_bytes(std::span{&trailer, 1})));
    if (::fsync(file) != 0)
        return system_error("cannot flush", errno);
    return Unit{};
}

} // namespace

std::string digest_of(std::span<const std::byte> bytes)
{
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr);
    std::string text;
    for (unsigned i = 0; i < length; ++i) {
        text += "0123456789abcdef"[digest[i] >> 4];
        text += "0123456789abcdef"[digest[i] & 15];
    }
    return text;
}

Outcome<Unit> read_exactly(int file, std::uint64_t offset, std::span<std::byte> out)
{
    while (!out.empty()) {
        const ssize_t count = ::pread(file, out.data(), out.size(), static_cast<off_t>(offset));
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return system_error("cannot read", errno);
        if (count == 0)
            return Error{Code::failed, "the file became shorter while it was read", ""};
        offset += static_cast<std::uint64_t>(count);
        out = out.subspan(static_cast<std::size_t>(count));
    }
    return Unit{};
}

Outcome<std::vector<std::byte>> read_whole(int file, std::uint64_t limit)
{
    struct stat info {};
    if (::fstat(file, &info) != 0)
        return system_error("cannot read", errno);
    if (!S_ISREG(info.st_mode))
        return Error{Code::usage, "not a regular file", ""};
    const auto size = static_cast<std::uint64_t>(info.st_size);
    if (size > limit)
        return Error{
            Code::usage,
            "larger than " + std::to_string(limit >> 20) + " MiB, which no kernel is",
            ""};
    std::vector<std::byte> bytes(size);
    TRY(read_exactly(file, 0, bytes));
    return bytes;
}

std::optional<CachedFile> open_cached(const fs::path& folder, const std::string& digest)
{
    UniqueFd file{::open((folder / (digest + kSuffix)).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    if (!file)
        return std::nullopt;
    auto bytes = read_whole(file.get(), std::uint64_t{1} << 32);
    if (!bytes || bytes->size() < sizeof(Trailer))
        return std::nullopt;
    Trailer trailer{};
    const std::size_t size = bytes->size() - sizeof trailer;
    std::memcpy(&trailer, bytes->data() + size, sizeof trailer);
    bytes->resize(size);
    if (trailer.magic != kMagic || trailer.size != size || trailer.crc != crc_of(*bytes))
        return std::nullopt;
    return CachedFile{std::move(file), std::move(*bytes)};
}

std::optional<FileIdentity> identity_of_open(int file)
{
    struct stat info {};
    if (::fstat(file, &info) != 0)
        return std::nullopt;
    return identity_of(info);
}

std::optional<MappedFile> map_cached(const fs::path& folder, const KernelRecord& record)
{
    const fs::path path = folder / (record.digest + kSuffix);
    UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    if (!file || identity_of_open(file.get()) != record.unpacked ||
        record.unpacked.size < sizeof(Trailer))
        return std::nullopt;
    const std::size_t size = record.unpacked.size;
    void* base = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (base == MAP_FAILED)
        return std::nullopt;
    MappedFile mapped;
    mapped.file = std::move(file);
    mapped.memory = {static_cast<const std::byte*>(base), [base, size](const std::byte*) {
                         ::munmap(base, size);
                     }};
    mapped.bytes = {mapped.memory.get(), size - sizeof(Trailer)};
    return mapped;
}

Outcome<UniqueFd> store_cached(
    const fs::path& folder,
    const std::string& digest,
    std::span<const std::byte> bytes,
    std::size_t keep
)
{
    std::error_code ignored;
    fs::create_directory(folder, ignored);
    std::string temporary = (folder / ".new-XXXXXX").string();
    UniqueFd file{::mkostemp(temporary.data(), O_CLOEXEC)};
    if (!file)
        return system_error("cannot make a file in " + folder.string(), errno);
    const fs::path final = folder / (digest + kSuffix);
    auto written = write_file(file.get(), bytes);
    if (written && ::rename(temporary.c_str(), final.c_str()) != 0)
        written = system_error("cannot rename a file in " + folder.string(), errno);
    if (!written) {
        ::unlink(temporary.c_str());
        return written.error();
    }
    const UniqueFd directory{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (directory)
        ::fsync(directory.get());
    prune(folder, keep);
    return file;
}

Outcome<UniqueFd> store_in_memory(std::span<const std::byte> bytes)
{
    UniqueFd file{::memfd_create("zocalo-kernel", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    if (!file)
        return system_error("cannot make a file in memory", errno);
    TRY(write_all(file.get(), bytes));
    ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    return file;
}

} // namespace zocalo::toolstack
