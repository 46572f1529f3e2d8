// SPDX-License-Identifier: Apache-2.0
// FakeGrantTable: a guest's granted pages as plain memory, for unit tests and fuzzing of data
// paths. It checks every op as Xen would (known reference, right domain, inside one page) and can
// be told to lie.
#pragma once

#include "common/xen-sys/grant_table.hpp"

#include <array>
#include <functional>
#include <map>
#include <vector>

namespace zocalo::xen {

class FakeGrantTable final : public GrantTable {
  public:
    using Page = std::array<std::byte, kPageSize>;

    explicit FakeGrantTable(DomId guest) : guest_{guest} {}

    // The page behind a reference; granted by asking for it.
    Page& page(std::uint32_t ref) { return pages_[ref]; }
    void revoke(std::uint32_t ref);
    // Ring pages must be contiguous for us: map() of exactly these references yields `memory`.
    void grant_ring(std::vector<GrantRef> refs, std::span<std::byte> memory)
    {
        rings_[std::move(refs)] = memory;
    }

    std::function<void()> before_copy; // a guest that changes its mind at the worst moment
    bool fail_next_copy = false;       // the ioctl itself fails
    bool maps_pages = true;            // single pages can be mapped, not only rings
    std::size_t mapped = 0;            // mappings alive
    std::size_t copies = 0;            // ops run
    std::size_t calls = 0;             // batches
    std::size_t parts = 0; // what the device makes of the ops: none crosses a page of ours

    Outcome<Unit> copy(std::span<GrantCopy> ops) override;

  protected:
    Outcome<std::span<std::byte>> map_pages(DomId domain, std::span<const GrantRef> refs) override;
    void unmap_pages(std::span<std::byte>) override { --mapped; }

  private:
    std::int16_t run(ioctl_gntdev_grant_copy_segment& op);

    DomId guest_;
    std::map<std::uint32_t, Page> pages_;
    std::multimap<std::uint32_t, Page> revoked_;
    std::map<std::vector<GrantRef>, std::span<std::byte>> rings_;
};

} // namespace zocalo::xen
