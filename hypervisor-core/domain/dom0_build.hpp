// SPDX-License-Identifier: Apache-2.0
// Makes dom0 out of the boot modules: the kernel (an uncompressed ELF file) and its initrd, laid
// out by the same planner that toolstackd uses for guests (common/xen-build).
#pragma once

#include "hypervisor-core/domain/system.hpp"

#include <string_view>

namespace zocalo::hv {

struct Dom0Request {
    std::uint64_t bytes{};
    unsigned vcpus{};
};

struct Dom0Fault {
    std::string_view what;
    std::string_view advice;
};

// The domain, paused, its first vCPU ready to run; or why not.
Result<Domain*, Dom0Fault> build_dom0(System& system, const Dom0Request& request);

} // namespace zocalo::hv
