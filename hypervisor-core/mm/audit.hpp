// SPDX-License-Identifier: Apache-2.0
// Recounts what page tables say against what the frame table says: the invariant of frame_table.hpp
// as a check. Slow: for debug builds (after each domain's end), a debug key and tests. Under the
// system lock.
#pragma once

#include "hypervisor-core/mm/page_tables.hpp"

#include <optional>
#include <string_view>

namespace zocalo::hv {

struct AuditFault {
    Mfn table{};
    unsigned slot{};
    std::string_view what;
};

// The first breach there is. `counts` has a word for every frame; its content does not matter.
std::optional<AuditFault> audit(Memory& memory, std::span<std::uint32_t> counts);

// The same with counts of its own, and a line on the console that says what was found; nomem when
// there is no memory for them. Whether all is well.
Result<bool> audit_and_tell(Memory& memory);

} // namespace zocalo::hv
