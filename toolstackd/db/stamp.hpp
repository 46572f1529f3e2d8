// SPDX-License-Identifier: Apache-2.0
// Stamp: which state of which database the daemon worked with last. It is kept outside of the
// database, where it lives exactly as long as the guests do (/run, xenstore): a database that is
// missing, damaged or from a backup knows less than what runs, and acting on it would end guests.
#pragma once

#include "common/error/error.hpp"
#include "common/posix/unique_fd.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace zocalo::toolstack {

struct Stamp {
    std::string id;             // of the database, drawn when it was made
    std::uint64_t generation{}; // counts the starts of the daemon
    std::uint64_t last_event{}; // the greatest event number it has given

    friend bool operator==(const Stamp&, const Stamp&) = default;
};

std::string text(const Stamp& stamp); // one line of fixed length, without its end
std::optional<Stamp> parse_stamp(std::string_view text);

// Why a database in state `now` is not what was used when `seen` was written; empty: it is, or it
// went on from there.
std::string doubt(const Stamp& now, const Stamp& seen);

// The stamp in /run: written after each transaction, so it costs one system call.
class StampFile {
  public:
    static Outcome<StampFile> open(const std::string& path);
    // A stamp that cannot be written is no reason to stop: it then stays older than the database.
    void write(const Stamp& stamp) const;

  private:
    explicit StampFile(UniqueFd fd) : fd_{std::move(fd)} {}
    UniqueFd fd_;
};

// nullopt when there is none that can be read.
std::optional<Stamp> read_stamp(const std::string& path);

} // namespace zocalo::toolstack
