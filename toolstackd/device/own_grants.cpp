// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/device/own_grants.hpp"

#include <cerrno>
#include <fstream>

namespace zocalo::toolstack {

Outcome<Unit> raise_own_grants(const std::string& parameter)
{
    unsigned now = 0;
    if (!(std::ifstream{parameter} >> now))
        return system_error("cannot read " + parameter, errno, "modprobe xen-gntalloc");
    if (now >= kOwnGrants)
        return Unit{};
    std::ofstream file{parameter};
    if (!(file << kOwnGrants << '\n' << std::flush))
        return system_error("cannot raise " + parameter, errno);
    return Unit{};
}

} // namespace zocalo::toolstack
