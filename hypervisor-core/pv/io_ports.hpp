// SPDX-License-Identifier: Apache-2.0
// Which I/O ports a domain reaches. dom0 has the machine's, but for those that are the
// hypervisor's; others have none: they read all ones, and what they write is dropped.
#pragma once

#include "hypervisor-core/domain/domain.hpp"

namespace zocalo::hv::pv {

// Whether the code that runs may use port instructions, CLI and STI at all: by its privilege level.
bool has_io_privilege(const Vcpu& vcpu);
// Whether it may use these ports: by its level, or by the bitmap its kernel has set.
bool may_use_ports(Vcpu& vcpu, std::uint16_t port, unsigned width);

bool may_access_ports(const Domain& domain, std::uint16_t port, unsigned width);

} // namespace zocalo::hv::pv
