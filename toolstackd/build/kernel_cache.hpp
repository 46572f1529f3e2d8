// SPDX-License-Identifier: Apache-2.0
// The folder of unpacked kernels: one file per content, named by a digest, written so that a reader
// never sees half of it. Each file ends in a trailer (magic, size, CRC) by which damage is noticed.
#pragma once

#include "common/error/error.hpp"
#include "common/posix/unique_fd.hpp"
#include "toolstackd/build/kernel_records.hpp"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace zocalo::toolstack {

// SHA-256 in hexadecimal.
std::string digest_of(std::span<const std::byte> bytes);

struct CachedFile {
    UniqueFd file;
    std::vector<std::byte> bytes; // without the trailer
};

// The file of that digest, or nothing when it is missing or damaged.
std::optional<CachedFile>
open_cached(const std::filesystem::path& folder, const std::string& digest);

// The same file without reading it, if it still is the one that was found good; mapped to be looked
// at.
struct MappedFile {
    UniqueFd file;
    std::shared_ptr<const std::byte> memory; // unmapped with the last owner
    std::span<const std::byte> bytes;        // without the trailer
};
std::optional<MappedFile>
map_cached(const std::filesystem::path& folder, const KernelRecord& record);
// Who the file is now.
std::optional<FileIdentity> identity_of_open(int file);

// Writes it (temporary file, fsync, rename, fsync of the folder) and opens it for reading.
// Afterwards the folder holds at most `keep` files: the most recently written.
Outcome<UniqueFd> store_cached(
    const std::filesystem::path& folder,
    const std::string& digest,
    std::span<const std::byte> bytes,
    std::size_t keep
);

// A sealed file in memory with these bytes, for when there is no usable folder.
Outcome<UniqueFd> store_in_memory(std::span<const std::byte> bytes);

// Reads a whole file of at most `limit` bytes.
Outcome<std::vector<std::byte>> read_whole(int file, std::uint64_t limit);
// Reads exactly out.size() bytes; a shorter file is an error.
Outcome<Unit> read_exactly(int file, std::uint64_t offset, std::span<std::byte> out);

} // namespace zocalo::toolstack
