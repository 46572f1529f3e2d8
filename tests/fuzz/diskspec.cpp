// SPDX-License-Identifier: Apache-2.0
// Disk specifications: any text gives a disk with a vdev or an error.
#include "cli/cfg/disk_spec.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size)
{
    const std::string text(data, data + size);
    const auto spec = zocalo::cli::cfg::parse_disk_spec({&text, 1});
    if (!spec)
        return 0;
    std::vector<std::string> warnings;
    zocalo::cli::cfg::to_config(*spec, warnings);
    if (!spec->vdev || (!spec->target && !spec->cdrom))
        std::abort();
    return 0;
}
