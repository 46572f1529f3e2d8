// SPDX-License-Identifier: Apache-2.0
// Raw mode of a terminal for as long as the object lives.
#pragma once

#include <termios.h>

namespace zocalo::cli {

class RawTerminal {
  public:
    // Does nothing when `fd` is no terminal.
    explicit RawTerminal(int fd);
    ~RawTerminal();
    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;

  private:
    int fd_;
    bool changed_{false};
    termios before_{};
};

// Writes all of it, also to a terminal that was made non-blocking. False when the reader is gone.
bool write_all(int fd, const char* bytes, unsigned long size);

} // namespace zocalo::cli
