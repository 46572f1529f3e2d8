// SPDX-License-Identifier: Apache-2.0
// SystemLock: guards System and everything in it. Taken by entry code only; rules run under it.
// While a processor waits it serves flush requests, because the owner may be waiting for it.
#pragma once

#include "hypervisor-core/hal/processor.hpp"

namespace zocalo::hv {

class SystemGuard {
  public:
    SystemGuard();
    ~SystemGuard();
    SystemGuard(const SystemGuard&) = delete;
    SystemGuard& operator=(const SystemGuard&) = delete;
};

// Those that wait for the lock now, and go on doing so at least until its owner, who asks, drops
// it: they notice flush requests without an interrupt.
CpuMask waiting_for_system_lock();

// Does what other processors asked this one to forget (cpu/tlb.cpp).
void serve_flush_requests();

} // namespace zocalo::hv
