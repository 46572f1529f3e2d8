// SPDX-License-Identifier: Apache-2.0
// OwnPages: memory of this process that is granted to its own domain (/dev/xen/gntalloc). A grant
// copy to or from it names both sides by reference; for other memory the grant device looks the
// page up and pins it, which on a PV kernel costs more than the copy. Used by GrantTable::copy.
#pragma once

#include "common/base/address.hpp"
#include "common/error/error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace zocalo::xen {

// Which reference stands for each page of `bytes`, which begins with one. A view.
struct GrantedPages {
    struct Place {
        GrantRef ref;
        std::uint16_t offset{};
    };

    std::span<std::byte> bytes;
    std::vector<GrantRef> refs;

    // Nothing for what is not wholly inside one of them.
    std::optional<Place> place(const void* at, std::size_t length) const;
};

class OwnPages {
  public:
    // At most: what one call hands over.
    static constexpr std::size_t kMost = 256;

    // New pages, zeroed and never swapped, granted to domain `self`, which is the one this runs in,
    // for reading and writing. `device` is an open /dev/xen/gntalloc; it may be closed afterwards,
    // and what it granted goes with it and the object. Errors: the device's limit for all processes
    // is reached, no memory.
    static Outcome<OwnPages> grant(int device, DomId self, std::size_t pages);
    OwnPages(OwnPages&& other) noexcept : pages_{std::exchange(other.pages_, {})} {}
    OwnPages& operator=(OwnPages&& other) noexcept
    {
        std::swap(pages_, other.pages_);
        return *this;
    }
    ~OwnPages(); // nobody else has them mapped, so the grants end

    const GrantedPages& pages() const { return pages_; }

  private:
    explicit OwnPages(GrantedPages pages) : pages_{std::move(pages)} {}

    GrantedPages pages_;
};

} // namespace zocalo::xen
