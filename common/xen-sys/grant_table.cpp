// SPDX-License-Identifier: Apache-2.0
#include "common/xen-sys/grant_table.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <sys/mman.h>

namespace zocalo::xen {
namespace {

// More than the largest ring; persistent grants will map in batches of this.
constexpr std::size_t kMaxMapped = 64;

class RealGrantTable final : public GrantTable {
  public:
    explicit RealGrantTable(UniqueFd device) : device_{std::move(device)} {}

    Outcome<Unit> copy(std::span<GrantCopy> ops) override
    {
        for (GrantCopy& op : ops)
            op.name_local(ours_);
        ioctl_gntdev_grant_copy request{};
        request.count = static_cast<unsigned>(ops.size());
        request.segments = &ops.data()->raw();
        if (!ops.empty() && ::ioctl(device_.get(), IOCTL_GNTDEV_GRANT_COPY, &request) != 0)
            return system_error("grant copy was refused", errno);
        return Unit{};
    }

  protected:
    Outcome<std::span<std::byte>> map_pages(DomId domain, std::span<const GrantRef> refs) override;
    void unmap_pages(std::span<std::byte> bytes) override;

  private:
    void forget(std::uint64_t index, std::size_t count)
    {
        ioctl_gntdev_unmap_grant_ref request{};
        request.index = index;
        request.count = static_cast<std::uint32_t>(count);
        ::ioctl(device_.get(), IOCTL_GNTDEV_UNMAP_GRANT_REF, &request);
    }

    UniqueFd device_;
    std::map<std::byte*, std::uint64_t> index_of_; // what IOCTL_GNTDEV_MAP_GRANT_REF called it
};

Outcome<std::span<std::byte>>
RealGrantTable::map_pages(DomId domain, std::span<const GrantRef> refs)
{
    // The structure ends in an array that starts with one entry.
    struct Request {
        std::uint32_t count;
        std::uint32_t pad;
        std::uint64_t index;
        std::array<ioctl_gntdev_grant_ref, kMaxMapped> refs;
    } request{};
    static_assert(offsetof(Request, refs) == offsetof(ioctl_gntdev_map_grant_ref, refs));
    if (refs.empty() || refs.size() > kMaxMapped)
        return Error{Code::usage, "cannot map " + std::to_string(refs.size()) + " grants", {}};
    request.count = static_cast<std::uint32_t>(refs.size());
    for (std::size_t i = 0; i < refs.size(); ++i)
        request.refs[i] = {domain.value, refs[i].value};
    if (::ioctl(device_.get(), IOCTL_GNTDEV_MAP_GRANT_REF, &request) != 0)
        return system_error("cannot map grants of domain " + std::to_string(domain.value), errno);
    const std::size_t bytes = refs.size() * kPageSize;
    void* at = ::mmap(
        nullptr,
        bytes,
        PROT_READ | PROT_WRITE,
        MAP_SHARED,
        device_.get(),
        static_cast<off_t>(request.index)
    );
    if (at == MAP_FAILED) {
        Error error = system_error(
            "cannot map grants of domain " + std::to_string(domain.value),
            errno,
            "the guest granted other pages, or none, under these numbers"
        );
        forget(request.index, refs.size());
        return error;
    }
    auto* start = static_cast<std::byte*>(at);
    index_of_[start] = request.index;
    return std::span{start, bytes};
}

void RealGrantTable::unmap_pages(std::span<std::byte> bytes)
{
    ::munmap(bytes.data(), bytes.size());
    const auto found = index_of_.find(bytes.data());
    if (found == index_of_.end())
        return;
    forget(found->second, bytes.size() / kPageSize);
    index_of_.erase(found);
}

} // namespace

void GrantCopy::name_local(const GrantedPages& ours)
{
    const bool to_guest = (raw_.flags & GNTCOPY_dest_gref) != 0;
    auto& local = to_guest ? raw_.source : raw_.dest;
    const auto place = ours.place(local.virt, raw_.len);
    if (!place)
        return;
    local.foreign = {place->ref.value, place->offset, DOMID_SELF};
    raw_.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref;
}

GrantMapping::~GrantMapping()
{
    if (table_ != nullptr && !bytes_.empty())
        table_->unmap_pages(bytes_);
}

Outcome<GrantMapping> GrantTable::map(DomId domain, std::span<const GrantRef> refs)
{
    return GrantMapping{*this, TRY(map_pages(domain, refs))};
}

Outcome<Unit> GrantTable::lend(GrantedPages ours)
{
    constexpr std::size_t kTried = 64;
    ours_ = std::move(ours);
    const auto from = ours_.bytes.first(kTried), to = ours_.bytes.last(kTried);
    std::ranges::fill(from, std::byte{0x5a});
    auto trial = GrantCopy::from_guest(DomId{DOMID_SELF}, ours_.refs.front(), 0, to);
    const auto ran = copy({&trial, 1});
    const bool works = ran && trial.done() && std::ranges::equal(from, to);
    std::ranges::fill(from, std::byte{});
    std::ranges::fill(to, std::byte{});
    if (works)
        return Unit{};
    ours_ = {};
    if (!ran)
        return ran.error();
    return Error{
        Code::denied,
        "a copy between pages that this domain granted to itself ended with status " +
            std::to_string(trial.status()),
        {}};
}

Outcome<std::unique_ptr<GrantTable>> open_grant_table(UniqueFd device)
{
    if (::fcntl(device.get(), F_SETFD, FD_CLOEXEC) < 0)
        return system_error("cannot use the grant device that was handed over", errno);
    return std::unique_ptr<GrantTable>{std::make_unique<RealGrantTable>(std::move(device))};
}

} // namespace zocalo::xen
