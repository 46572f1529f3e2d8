// SPDX-License-Identifier: Apache-2.0
#include "common/xen-sys/own_pages.hpp"

#include <xen/sys/gntalloc.h>

#include <array>
#include <cerrno>
#include <functional>
#include <string>
#include <sys/ioctl.h>
#include <sys/mman.h>

namespace zocalo::xen {

std::optional<GrantedPages::Place> GrantedPages::place(const void* at, std::size_t length) const
{
    const auto* start = static_cast<const std::byte*>(at);
    // Pointers into different objects have an order only this way.
    if (std::less<>{}(start, bytes.data()) || !std::less<>{}(start, bytes.data() + bytes.size()))
        return std::nullopt;
    const auto from = static_cast<std::size_t>(start - bytes.data());
    const std::size_t offset = from % kPageSize;
    if (length > kPageSize - offset)
        return std::nullopt;
    return Place{refs[from / kPageSize], static_cast<std::uint16_t>(offset)};
}

Outcome<OwnPages> OwnPages::grant(int device, DomId self, std::size_t pages)
{
    // The structure ends in an array that starts with one entry.
    struct Request {
        std::uint16_t domain;
        std::uint16_t flags;
        std::uint32_t count;
        std::uint64_t index;
        std::array<std::uint32_t, kMost> refs;
    } request{};
    static_assert(offsetof(Request, refs) == offsetof(ioctl_gntalloc_alloc_gref, gref_ids));
    if (pages == 0 || pages > kMost)
        return Error{Code::usage, "cannot grant " + std::to_string(pages) + " pages at once", {}};
    request.domain = self.value;
    request.flags = GNTALLOC_FLAG_WRITABLE;
    request.count = static_cast<std::uint32_t>(pages);
    if (::ioctl(device, IOCTL_GNTALLOC_ALLOC_GREF, &request) != 0)
        return system_error(
            "cannot grant " + std::to_string(pages) + " pages of its own",
            errno,
            "/sys/module/xen_gntalloc/parameters/limit is for all processes together"
        );
    void* at = ::mmap(
        nullptr,
        pages * kPageSize,
        PROT_READ | PROT_WRITE,
        MAP_SHARED,
        device,
        static_cast<off_t>(request.index)
    );
    if (at == MAP_FAILED) // they go with the device
        return system_error("cannot map the pages it granted", errno);
    GrantedPages granted{{static_cast<std::byte*>(at), pages * kPageSize}, {}};
    for (std::size_t i = 0; i < pages; ++i)
        granted.refs.push_back(GrantRef{request.refs[i]});
    return OwnPages{std::move(granted)};
}

OwnPages::~OwnPages()
{
    if (!pages_.bytes.empty())
        ::munmap(pages_.bytes.data(), pages_.bytes.size());
}

} // namespace zocalo::xen
