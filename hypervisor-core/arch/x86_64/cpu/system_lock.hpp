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

// Does what other processors asked this one to forget (cpu/tlb.cpp).
void serve_flush_requests();

} // namespace zocalo::hv
