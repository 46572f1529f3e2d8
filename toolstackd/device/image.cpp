// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/device/image.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <thread>

namespace zocalo::toolstack {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{5};

Error refuse(const rpc::DiskConfig& disk, Code code, const std::string& why, std::string next)
{
    return Error{code, "disk " + disk.vdev + ": " + disk.target + " " + why, std::move(next)};
}

Error open_error(const rpc::DiskConfig& disk, int error)
{
    Error e = system_error("disk " + disk.vdev + ": cannot open " + disk.target, error);
    e.code = error == ENOENT ? Code::not_found : Code::failed;
    e.next = "check the path in `disk=`";
    return e;
}

// False when somebody else has it and keeps it.
bool lock(int fd, bool readonly, std::chrono::milliseconds patience)
{
    struct flock wanted {};
    wanted.l_type = static_cast<short>(readonly ? F_RDLCK : F_WRLCK);
    wanted.l_whence = SEEK_SET;
    const auto until = std::chrono::steady_clock::now() + patience;
    while (::fcntl(fd, F_OFD_SETLK, &wanted) != 0 && (errno == EAGAIN || errno == EACCES)) {
        if (std::chrono::steady_clock::now() >= until)
            return false;
        std::this_thread::sleep_for(kBetweenLooks);
    }
    return true; // or its file system knows no locks
}

} // namespace

Outcome<UniqueFd> open_image(const rpc::DiskConfig& disk, std::chrono::milliseconds patience)
{
    if (disk.target.empty())
        return Error{
            Code::usage, "disk " + disk.vdev + ": only a CD drive may be empty", "name an image"};
    if (disk.format != "raw")
        return refuse(disk, Code::unsupported, "has format " + disk.format, "convert it to raw");
    // O_NONBLOCK: opening a FIFO must not hang before its type is known.
    const int flags = (disk.readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    UniqueFd fd{::open(disk.target.c_str(), flags | O_DIRECT)};
    if (!fd && errno == EINVAL)
        fd.reset(::open(disk.target.c_str(), flags)); // tmpfs and some others have no O_DIRECT
    if (!fd)
        return open_error(disk, errno);
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0)
        return open_error(disk, errno);
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
        return refuse(
            disk, Code::usage, "is neither a regular file nor a block device", "see `disk=`"
        );
    if (!lock(fd.get(), disk.readonly, patience))
        return refuse(
            disk,
            Code::conflict,
            "is in use by another program",
            "find it with `fuser -v " + disk.target +
                "`; if there is none, a killed backend's transfers have not ended yet"
        );
    return fd;
}

} // namespace zocalo::toolstack
