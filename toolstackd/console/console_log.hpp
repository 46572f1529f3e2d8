// SPDX-License-Identifier: Apache-2.0
// ConsoleLog: the log file of one console, <folder>/<name>-<uuid>.log, rotated by size to .1, .2 …;
// it never takes more than size × (files) on the disk. Calls block: they run on the console pool,
// one at a time for one log. Knows nothing of rings or readers.
#pragma once

#include "common/error/error.hpp"
#include "common/posix/unique_fd.hpp"
#include "common/rpc/uuid.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace zocalo::toolstack {

struct LogLimits {
    std::uint64_t file_bytes{1 << 20};
    unsigned files{3}; // with the one that is written
};

class ConsoleLog {
  public:
    // Makes the file if need be. When the domain was renamed since, its old file gets the new name;
    // an empty `name` keeps the one it has.
    static Outcome<ConsoleLog> open(
        const std::string& folder, const std::string& name, const rpc::Uuid& uuid, LogLimits limits
    );

    static bool exists(const std::string& folder, const rpc::Uuid& uuid);

    // Appends; rotates before the file would grow beyond its limit. Not synced: a log is worth no
    // disk flush for each line of a guest.
    Outcome<Unit> append(std::string_view data);
    // The last `bytes` written, across the newest two files.
    Outcome<std::string> tail(std::size_t bytes) const;

    const std::string& path() const { return path_; }

  private:
    ConsoleLog(std::string path, UniqueFd fd, std::uint64_t size, LogLimits limits);
    Outcome<Unit> rotate();

    std::string path_;
    UniqueFd fd_;
    std::uint64_t size_{};
    LogLimits limits_;
};

} // namespace zocalo::toolstack
