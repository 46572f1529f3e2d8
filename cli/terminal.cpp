// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.hpp"

#include <cerrno>
#include <poll.h>
#include <unistd.h>

namespace zocalo::cli {

RawTerminal::RawTerminal(int fd) : fd_{fd}
{
    if (::isatty(fd_) == 0 || ::tcgetattr(fd_, &before_) != 0)
        return;
    termios raw = before_;
    ::cfmakeraw(&raw);
    changed_ = ::tcsetattr(fd_, TCSANOW, &raw) == 0;
}

RawTerminal::~RawTerminal()
{
    if (changed_)
        ::tcsetattr(fd_, TCSADRAIN, &before_);
}

bool write_all(int fd, const char* bytes, unsigned long size)
{
    while (size > 0) {
        const auto written = ::write(fd, bytes, size);
        if (written > 0) {
            bytes += written;
            size -= static_cast<unsigned long>(written);
        } else if (written < 0 && errno == EAGAIN) {
            pollfd waiting{fd, POLLOUT, 0};
            ::poll(&waiting, 1, -1);
        } else if (written < 0 && errno != EINTR) {
            return false;
        }
    }
    return true;
}

} // namespace zocalo::cli
