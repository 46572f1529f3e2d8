// SPDX-License-Identifier: Apache-2.0
// What a PV guest finds when it starts: the start_info page and the state of its first vCPU. Pure.
#pragma once

#include "common/xen-build/pv_plan.hpp"

#include <xen/xen.h>

#include <span>
#include <string_view>

namespace zocalo::xen {

// What only the one who allocated memory and event channels knows.
struct PvStart {
    std::uint64_t shared_info_address{}; // machine address
    Mfn xenstore{};
    EventPort xenstore_port{};
    Mfn console{};
    EventPort console_port{};
    std::uint32_t flags{}; // SIF_* beyond SIF_MOD_START_PFN, which the plan decides
    std::string_view command_line;
};

// Fills all of `out`. The command line must fit (plan_pv checks its length); more is cut off.
void fill_start_info(const PvPlan& plan, const PvStart& start, start_info& out);

// The first vCPU as libxc's guests see it: flat 64-bit kernel segments, rsi = start_info, events
// masked by the shared page. `l4` is the machine frame of plan.tables.first.
void fill_vcpu_context(const PvPlan& plan, Mfn l4, vcpu_guest_context& out);

} // namespace zocalo::xen
