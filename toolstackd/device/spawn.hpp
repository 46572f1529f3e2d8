// SPDX-License-Identifier: Apache-2.0
// Starting a backend process: nothing of the daemon's reaches it but the descriptors it is given.
#pragma once

#include "common/error/error.hpp"
#include "common/posix/unique_fd.hpp"

#include <span>
#include <string>
#include <sys/types.h>
#include <vector>

namespace zocalo::toolstack {

// What this thread starts while it exists is the first process of a PID namespace of its own: it
// sees nobody, and whatever it might leave behind ends with it. Other threads are not concerned.
class PidNamespace {
  public:
    static Outcome<PidNamespace> make(bool wanted);
    PidNamespace(PidNamespace&&) = default;
    PidNamespace& operator=(PidNamespace&&) = delete;
    ~PidNamespace();

  private:
    PidNamespace() = default;
    UniqueFd ours_;
};

// Its own session, default signals, an empty environment, stdin closed to the world; `fds` become
// 3 and so on, as backends/common/process.hpp wants them; all are above that.
Outcome<pid_t>
spawn(const std::string& program, std::vector<std::string> arguments, std::span<const int> fds);

} // namespace zocalo::toolstack
