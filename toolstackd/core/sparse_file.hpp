// SPDX-License-Identifier: Apache-2.0
// SparseFile: a file written once from front to back. Blocks of zeros take no room; what takes room
// is bounded.
#pragma once

#include "common/error/error.hpp"
#include "common/posix/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace zocalo::toolstack {

class SparseFile {
  public:
    // New and empty, readable by its owner only. Code::conflict while another process writes it.
    static Outcome<SparseFile> create(const std::string& path, std::uint64_t limit_bytes);

    Outcome<Unit> append(std::span<const std::byte> bytes);
    // Sets the length and puts everything on the disk.
    Outcome<Unit> finish();

    std::uint64_t written() const { return written_; } // holes do not count

  private:
    SparseFile(UniqueFd fd, std::string path, std::uint64_t limit)
        : fd_{std::move(fd)}, path_{std::move(path)}, limit_{limit}
    {
    }
    Outcome<Unit> write(std::span<const std::byte> bytes);

    UniqueFd fd_;
    std::string path_;
    std::uint64_t limit_, at_{}, written_{};
};

} // namespace zocalo::toolstack
