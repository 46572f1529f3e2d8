// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/loop_device.hpp"

#include "common/posix/unique_fd.hpp"

#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <linux/loop.h>
#include <string_view>
#include <sys/ioctl.h>

namespace zocalo::toolstack {

Outcome<Unit> clear_loop_device(const std::string& path, const std::string& file)
{
    constexpr std::string_view kBegin = "/dev/loop";
    if (!path.starts_with(kBegin) || path.size() == kBegin.size() ||
        path.find_first_not_of("0123456789", kBegin.size()) != std::string::npos)
        return Error{Code::usage, path + " is no loop device", {}};
    const std::string name = path.substr(std::string_view("/dev/").size());
    std::ifstream shown("/sys/block/" + name + "/loop/backing_file");
    std::string served;
    if (!std::getline(shown, served) || served != file)
        return Unit{};
    const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!fd)
        return system_error("cannot open " + path, errno);
    if (::ioctl(fd.get(), LOOP_CLR_FD) != 0 && errno != ENXIO)
        return system_error("cannot free " + path, errno);
    return Unit{};
}

} // namespace zocalo::toolstack
