// SPDX-License-Identifier: Apache-2.0
// ConsoleLock: lines of several processors do not mix. Taken by hal::write_console only; a panic
// writes without it, since its owner may be the one that failed.
#pragma once

namespace zocalo::hv {

class ConsoleGuard {
  public:
    ConsoleGuard();
    ~ConsoleGuard();
    ConsoleGuard(const ConsoleGuard&) = delete;
    ConsoleGuard& operator=(const ConsoleGuard&) = delete;
};

// Until then the first processor is alone, and on the stack it started with.
void share_console();

} // namespace zocalo::hv
