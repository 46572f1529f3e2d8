// SPDX-License-Identifier: Apache-2.0
// What a PVH guest finds when it starts: the boot information behind the kernel, the identity map
// for processors that cannot run unpaged, and the state of its first vCPU as save records. Pure.
#pragma once

#include "common/xen-build/pvh_plan.hpp"

#include <xen/hvm/save.h>

#include <cstdint>
#include <string_view>

namespace zocalo::xen {

// Fills `out` (plan.start_info.bytes long, as it must appear at plan.start_info.address):
// hvm_start_info version 1, module list, memory map, command line.
void fill_boot_information(
    const PvhPlan& plan, std::string_view command_line, std::span<std::byte> out
);

// A one-level table of 4 MiB pages that maps 4 GiB onto itself (HVM_PARAM_IDENT_PT).
void fill_identity_map(std::span<std::uint32_t, 1024> out);

// 32-bit flat protected mode, paging off, ebx = start_info: the PVH boot protocol's entry state.
void fill_first_vcpu(const PvhPlan& plan, hvm_hw_cpu& out);

// Turns MTRRs on with write-back as default; other fields keep what the hypervisor reported.
void enable_write_back(hvm_hw_mtrr& mtrr);

} // namespace zocalo::xen
