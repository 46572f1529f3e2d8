// SPDX-License-Identifier: Apache-2.0
// CoreFolder: where core files are kept, and how much of them. A dump is written by a process of
// its own (toolstackd/core), which reads a guest's memory through libxenguest: whatever a guest has
// prepared there meets neither the daemon's memory nor its time. Blocking; for a pool.
#pragma once

#include "common/base/address.hpp"
#include "toolstackd/sys/hypervisor.hpp"

#include <cstdint>
#include <string>

namespace zocalo::toolstack {

struct CoreLimits {
    std::uint64_t file_bytes{8ULL << 30};
    std::uint64_t total_bytes{16ULL << 30}; // the oldest go first
    std::uint64_t files{8};
    std::uint64_t leave_free_bytes{512ULL << 20}; // on the file system
};

class CoreFolder {
  public:
    CoreFolder(std::string folder, std::string program, CoreLimits limits)
        : folder_{std::move(folder)}, program_{std::move(program)}, limits_{limits}
    {
    }

    // Removes old files until a new one may be written, runs the program, and gives the file its
    // name when it is complete and on the disk. Nothing is left of a dump that failed.
    Outcome<CoreDump> dump(DomId domid, const std::string& name, const GiveUp& give_up) const;

  private:
    Outcome<std::uint64_t> make_room() const;
    Outcome<Unit>
    run(DomId domid, const std::string& path, std::uint64_t limit, const GiveUp& give_up) const;

    std::string folder_, program_;
    CoreLimits limits_;
};

} // namespace zocalo::toolstack
