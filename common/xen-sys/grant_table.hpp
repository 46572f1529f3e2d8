// SPDX-License-Identifier: Apache-2.0
// GrantTable: one open grant device (/dev/xen/gntdev): map pages that a guest granted, and copy to
// and from them. An interface, so that data paths run in tests against fake/; open_grant_table()
// gives the real one. libxengnttab can only open the device by path, and backends are handed open
// files, so this speaks the ioctls of <xen/sys/gntdev.h> itself.
#pragma once

#include "common/base/address.hpp"
#include "common/error/error.hpp"
#include "common/posix/unique_fd.hpp"
#include "common/xen-sys/own_pages.hpp"

#include <xen/grant_table.h>
#include <xen/sys/gntdev.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <sys/ioctl.h>
#include <utility>

namespace zocalo::xen {

// One copy between a granted page and our memory. The kernel's own structure, so that a batch is
// passed on as it lies. Each op has its own status: one failure says nothing about the others
// (XSA-361).
class GrantCopy {
  public:
    // `bytes` from `offset` of the granted page to `local`; offset + length ≤ 4096.
    static GrantCopy
    from_guest(DomId domain, GrantRef ref, std::uint16_t offset, std::span<std::byte> local)
    {
        GrantCopy copy;
        copy.raw_.source.foreign = {ref.value, offset, domain.value};
        copy.raw_.dest.virt = local.data();
        copy.raw_.len = static_cast<std::uint16_t>(local.size());
        copy.raw_.flags = GNTCOPY_source_gref;
        return copy;
    }
    static GrantCopy
    to_guest(DomId domain, GrantRef ref, std::uint16_t offset, std::span<const std::byte> local)
    {
        GrantCopy copy;
        copy.raw_.source.virt = const_cast<std::byte*>(local.data());
        copy.raw_.dest.foreign = {ref.value, offset, domain.value};
        copy.raw_.len = static_cast<std::uint16_t>(local.size());
        copy.raw_.flags = GNTCOPY_dest_gref;
        return copy;
    }

    // Names our side by its reference as well, if it is one of these pages.
    void name_local(const GrantedPages& ours);

    // After GrantTable::copy(): whether this one was done.
    bool done() const { return raw_.status == GNTST_okay; }
    int status() const { return raw_.status; }

    ioctl_gntdev_grant_copy_segment& raw() { return raw_; }
    const ioctl_gntdev_grant_copy_segment& raw() const { return raw_; }

  private:
    ioctl_gntdev_grant_copy_segment raw_{};
};
static_assert(sizeof(GrantCopy) == sizeof(ioctl_gntdev_grant_copy_segment));

class GrantTable;

// Mapped pages, contiguous in our memory; unmapped with the object. The table must outlive it.
class GrantMapping {
  public:
    GrantMapping() = default;
    GrantMapping(GrantTable& table, std::span<std::byte> bytes) : table_{&table}, bytes_{bytes} {}
    GrantMapping(GrantMapping&& other) noexcept
        : table_{std::exchange(other.table_, nullptr)}, bytes_{std::exchange(other.bytes_, {})}
    {
    }
    GrantMapping& operator=(GrantMapping&& other) noexcept
    {
        std::swap(table_, other.table_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~GrantMapping();
    std::span<std::byte> bytes() const { return bytes_; }

  private:
    GrantTable* table_ = nullptr;
    std::span<std::byte> bytes_;
};

class GrantTable {
  public:
    virtual ~GrantTable() = default;

    // Maps all of them or none, readable and writable.
    Outcome<GrantMapping> map(DomId domain, std::span<const GrantRef> refs);

    // Runs every op; each op's status says how it went. An error means that none was run. What an
    // op says of our side is not to be read afterwards.
    virtual Outcome<Unit> copy(std::span<GrantCopy> ops) = 0;

    // Copies to and from these pages, two at least, are cheaper from now on. They outlive the last
    // of them. One copy between two of them is tried before; an error: the hypervisor, or its
    // policy, does not let this domain use its own grants, and all stays as it was.
    Outcome<Unit> lend(GrantedPages ours);

  protected:
    friend class GrantMapping;
    virtual Outcome<std::span<std::byte>>
    map_pages(DomId domain, std::span<const GrantRef> refs) = 0;
    virtual void unmap_pages(std::span<std::byte> bytes) = 0;

    GrantedPages ours_;
};

// Takes over an open /dev/xen/gntdev. It may have been opened by another process (Linux ≥ 5.5;
// before, mappings belonged to the opener).
Outcome<std::unique_ptr<GrantTable>> open_grant_table(UniqueFd device);

} // namespace zocalo::xen
