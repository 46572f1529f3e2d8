// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/settings.hpp"

#include <sys/stat.h>

namespace zocalo::toolstack {

std::string disk_identity(const std::string& path)
{
    struct stat found {};
    if (stat(path.c_str(), &found) != 0)
        return "path:" + path;
    if (S_ISBLK(found.st_mode))
        return "block:" + std::to_string(found.st_rdev);
    return "file:" + std::to_string(found.st_dev) + ":" + std::to_string(found.st_ino);
}

} // namespace zocalo::toolstack
