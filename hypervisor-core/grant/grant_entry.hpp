// SPDX-License-Identifier: Apache-2.0
// GrantEntry: one entry of a grant table where its owner wrote it, in the layout of either version
// (xen/grant_table.h). The owner may change it at any moment: everything is read once. That it is
// used is said in its own flags (version 1) or in a word of the status frames (version 2), by the
// same bits.
#pragma once

#include "common/base/address.hpp"
#include "hypervisor-core/grant/grant_status.hpp"

namespace zocalo::hv {

enum class GrantAccess : bool { read, write };

// GTF_reading and GTF_writing of a use of that kind.
constexpr std::uint32_t status_bits(GrantAccess access)
{
    return access == GrantAccess::write ? GTF_reading | GTF_writing : GTF_reading;
}

class GrantEntry {
  public:
    explicit GrantEntry(grant_entry_v1_t& entry);
    GrantEntry(grant_entry_v2_t& entry, grant_status_t& status);

    // Sets `bits` if the entry permits `peer` that use of its whole page; general_error otherwise.
    GrantStatus mark_used(DomId peer, GrantAccess access, std::uint32_t bits) const;
    void mark_unused(std::uint32_t bits) const;
    // The frame it grants, whatever it permits.
    std::uint64_t frame() const;

  private:
    bool permits(std::uint32_t head, DomId peer, GrantAccess access) const;
    GrantStatus mark_in_flags(DomId peer, GrantAccess access, std::uint32_t bits) const;
    GrantStatus mark_in_status(DomId peer, GrantAccess access, std::uint32_t bits) const;

    std::uint32_t* head_; // flags and domain
    std::uint32_t* frame_v1_{};
    std::uint64_t* frame_v2_{};
    grant_status_t* status_{}; // of version 2
};

} // namespace zocalo::hv
