// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/medium.hpp"

#include "common/base/address.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace zocalo::blk {
namespace {

Outcome<Unit> measure(int fd, Medium& medium)
{
    struct stat facts {};
    if (::fstat(fd, &facts) != 0)
        return system_error("cannot examine the image", errno);
    medium.bytes = TRY(size_of(fd));
    medium.block_device = S_ISBLK(facts.st_mode);
    unsigned block = 0;
    if (medium.block_device && ::ioctl(fd, BLKPBSZGET, &block) == 0 && block >= 512)
        medium.physical_block = block;
    return Unit{};
}

// Asks for what can have no effect: beyond the end of a file, or misaligned, which the kernel looks
// at after it has seen that the device can discard at all.
void examine_discard(int fd, Medium& medium)
{
    if (!medium.writable)
        return;
    if (!medium.block_device) {
        const auto end = static_cast<off_t>((medium.bytes + kPageSize) / kPageSize * kPageSize);
        if (::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, end, kPageSize) == 0)
            medium.discard_granularity = kPageSize;
        return;
    }
    const auto can = [fd](unsigned long call) {
        const std::array<std::uint64_t, 2> misaligned{1, 512};
        return ::ioctl(fd, call, misaligned.data()) != 0 && errno == EINVAL;
    };
    if (can(BLKDISCARD))
        medium.discard_granularity = medium.physical_block;
    medium.discards_securely = can(BLKSECDISCARD);
}

// Reads one smallest transfer from the second such place: offset, length and memory are then all
// aligned to `smallest` only. True when the medium accepts that with O_DIRECT.
bool direct_read_works(int fd, std::uint32_t smallest)
{
    alignas(kPageSize) std::array<std::byte, kPageSize> page;
    return smallest <= page.size() && ::pread(fd, page.data(), smallest, smallest) >= 0;
}

} // namespace

Outcome<std::uint64_t> size_of(int fd)
{
    struct stat facts {};
    if (::fstat(fd, &facts) != 0)
        return system_error("cannot examine the image", errno);
    if (S_ISREG(facts.st_mode))
        return static_cast<std::uint64_t>(facts.st_size);
    std::uint64_t bytes = 0;
    if (!S_ISBLK(facts.st_mode))
        return Error{
            Code::usage,
            "the image is neither a file nor a block device",
            "check the path in `disk=`"};
    if (::ioctl(fd, BLKGETSIZE64, &bytes) != 0)
        return system_error("cannot read the size of the block device", errno);
    return bytes;
}

int discard(int fd, const Medium& medium, std::uint64_t offset, std::uint64_t length, bool secure)
{
    int done = 0;
    do {
        if (medium.block_device) {
            const std::array<std::uint64_t, 2> range{offset, length};
            done = ::ioctl(fd, secure ? BLKSECDISCARD : BLKDISCARD, range.data());
        } else {
            done = ::fallocate(
                fd,
                FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                static_cast<off_t>(offset),
                static_cast<off_t>(length)
            );
        }
    } while (done != 0 && errno == EINTR);
    return done == 0 ? 0 : errno;
}

Outcome<Medium> examine(int fd, std::uint32_t smallest)
{
    Medium medium;
    int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0)
        return system_error("the image's descriptor is not open", errno);
    flags &= ~O_NONBLOCK; // an engine may take it for leave to fail what must wait
    medium.writable = (flags & O_ACCMODE) == O_RDWR;
    TRY(measure(fd, medium));
    if (medium.bytes < smallest)
        return Error{
            Code::usage,
            "the image holds " + std::to_string(medium.bytes) + " bytes, less than one sector",
            "make it larger, for instance with truncate -s 1G"};
    examine_discard(fd, medium);
    if (::fcntl(fd, F_SETFL, flags | O_DIRECT) != 0)
        medium.note = "its file system has no direct I/O: the host's page cache is used";
    else if (!direct_read_works(fd, smallest))
        medium.note = "its medium refuses direct I/O of " + std::to_string(smallest) +
                      " bytes: the host's page cache is used; sector_size=4096 may avoid that";
    if (!medium.note.empty())
        ::fcntl(fd, F_SETFL, flags & ~O_DIRECT);
    return medium;
}

} // namespace zocalo::blk
