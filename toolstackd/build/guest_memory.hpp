// SPDX-License-Identifier: Apache-2.0
// Populating a guest's memory and writing to it: what the PV and the PVH builder share. One
// populate call per run of equal orders, one mapping for everything that must be written.
#pragma once

#include "common/xen-build/pv_plan.hpp"
#include "toolstackd/build/kernel_store.hpp"
#include "toolstackd/build/xen_port.hpp"

#include <string>
#include <vector>

namespace zocalo::toolstack {

// Populates [first, first + pages) with the largest extents up to `max_order`, falling back to
// smaller ones where memory is fragmented. With `frames`, element i receives the mfn of page first
// + i (PV).
Outcome<Unit> populate_range(
    XenPort& port,
    DomId id,
    xen::PfnRange range,
    unsigned max_order,
    bool on_demand,
    std::vector<std::uint64_t>* frames
);

// Several ranges of guest frames, mapped in one go and addressed by frame.
class Window {
  public:
    // Adds a range; `frames` translates (PV: the P2M), without it frames are mapped as they are
    // (PVH).
    void add(xen::PfnRange range, const std::vector<std::uint64_t>* frames = nullptr);
    Outcome<Unit> open(XenPort& port, DomId id);

    // The bytes of `range`, which lies inside one added range. Only after open().
    std::span<std::byte> at(xen::PfnRange range) const;
    std::span<std::byte> page(Pfn pfn) const { return at({pfn, 1}); }

  private:
    struct Part {
        xen::PfnRange range;
        std::size_t offset;
    };
    std::vector<Part> parts_;
    std::vector<std::uint64_t> frames_;
    std::vector<GuestMemory> memory_; // one, once open
};

// A file whose size was fixed when it was opened; may be absent (size 0).
class Ramdisk {
  public:
    // An empty path is no ramdisk.
    static Outcome<Ramdisk> open(const std::string& path);
    std::uint64_t size() const { return size_; }
    // Fills `out` (at least size() bytes); what is behind the file becomes zero.
    Outcome<Unit> read(std::span<std::byte> out) const;

  private:
    std::string path_;
    UniqueFd file_;
    std::uint64_t size_{};
};

// Copies the kernel's segments to `memory`, which starts at guest-physical `base`; `paddr_offset`
// is subtracted from the segments' addresses first. Memory behind a segment's file bytes becomes
// zero.
Outcome<Unit> load_segments(
    const Kernel& kernel,
    std::uint64_t base,
    std::uint64_t paddr_offset,
    std::span<std::byte> memory
);

// Grants the xenstore and console rings to the domains that serve them (references 1 and 0).
Outcome<Unit> seed_grants(
    XenPort& port,
    DomId id,
    std::uint64_t store_frame,
    DomId store_domain,
    std::uint64_t console_frame,
    DomId console_domain
);

} // namespace zocalo::toolstack
