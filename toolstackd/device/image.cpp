// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/device/image.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>

namespace zocalo::toolstack {
namespace {

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

} // namespace

Outcome<UniqueFd> open_image(const rpc::DiskConfig& disk)
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
    struct flock lock {};
    lock.l_type = static_cast<short>(disk.readonly ? F_RDLCK : F_WRLCK);
    lock.l_whence = SEEK_SET;
    if (::fcntl(fd.get(), F_OFD_SETLK, &lock) != 0 && (errno == EAGAIN || errno == EACCES))
        return refuse(
            disk,
            Code::conflict,
            "is in use by another program",
            "find it with `fuser -v " + disk.target + "`"
        );
    return fd;
}

} // namespace zocalo::toolstack
