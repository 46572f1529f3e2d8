// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/core/sparse_file.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>

namespace zocalo::toolstack {
namespace {

constexpr std::size_t kBlock = 4096;

} // namespace

Outcome<SparseFile> SparseFile::create(const std::string& path, std::uint64_t limit_bytes)
{
    UniqueFd fd{::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!fd)
        return system_error("cannot create " + path, errno);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
        return Error{Code::conflict, path + " is being written by another process", {}};
    if (::ftruncate(fd.get(), 0) != 0)
        return system_error("cannot empty " + path, errno);
    return SparseFile(std::move(fd), path, limit_bytes);
}

Outcome<Unit> SparseFile::append(std::span<const std::byte> bytes)
{
    while (!bytes.empty()) {
        // Blocks are those of the file, not of the buffer: holes need aligned places.
        const std::size_t size =
            std::min(bytes.size(), kBlock - static_cast<std::size_t>(at_ % kBlock));
        const auto block = bytes.first(size);
        const bool zero = std::ranges::all_of(block, [](std::byte b) { return b == std::byte{}; });
        if (!zero)
            TRY(write(block));
        at_ += size;
        bytes = bytes.subspan(size);
    }
    return Unit{};
}

Outcome<Unit> SparseFile::write(std::span<const std::byte> bytes)
{
    if (written_ + bytes.size() > limit_)
        return Error{
            Code::failed,
            "the core file would take more than " + std::to_string(limit_ >> 20U) + " MiB",
            "raise dumps.file_mib in toolstackd.toml, or make room"};
    std::uint64_t to = at_;
    written_ += bytes.size();
    while (!bytes.empty()) {
        const ssize_t n = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(to));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return system_error("cannot write " + path_, n == 0 ? ENOSPC : errno);
        to += static_cast<std::uint64_t>(n);
        bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return Unit{};
}

Outcome<Unit> SparseFile::finish()
{
    if (::ftruncate(fd_.get(), static_cast<off_t>(at_)) != 0 || ::fsync(fd_.get()) != 0)
        return system_error("cannot write " + path_, errno);
    return Unit{};
}

} // namespace zocalo::toolstack
