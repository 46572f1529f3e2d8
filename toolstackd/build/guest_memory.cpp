// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/build/guest_memory.hpp"

#include "common/xen-build/extents.hpp"
#include "toolstackd/build/kernel_cache.hpp"

#include <xen/grant_table.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <sys/stat.h>

namespace zocalo::toolstack {
namespace {

// Extents given to the hypervisor in one call: 1 MiB of frame numbers.
constexpr std::uint64_t kBatch = 128 * 1024;

Error out_of_memory(DomId id)
{
    return {
        Code::failed,
        "domain " + std::to_string(id.value) + ": not enough free memory on the host",
        "free some memory, or lower `memory=`; `zl info` shows what is free"};
}

// Populates `extents` extents of one order; answers the pages done from the front.
Outcome<std::uint64_t> populate_run(
    XenPort& port,
    DomId id,
    Pfn first,
    std::uint64_t extents,
    unsigned order,
    bool on_demand,
    std::uint64_t* frames
)
{
    const std::uint64_t size = std::uint64_t{1} << order;
    std::vector<std::uint64_t> list(extents);
    for (std::uint64_t i = 0; i < extents; ++i)
        list[i] = first.value + i * size;
    const std::uint64_t count = TRY(port.populate(id, order, on_demand, list));
    if (frames != nullptr)
        for (std::uint64_t i = 0; i < count * size; ++i)
            frames[i] = list[i / size] + i % size;
    return count * size;
}

} // namespace

Outcome<Unit> populate_range(
    XenPort& port,
    DomId id,
    xen::PfnRange range,
    unsigned max_order,
    bool on_demand,
    std::vector<std::uint64_t>* frames
)
{
    Pfn next = range.first;
    std::uint64_t fallback_until = 0; // below this frame use `fallback`, which is smaller
    unsigned fallback = xen::kOrder4K;
    while (next < range.end()) {
        const std::uint64_t left = range.end() - next;
        const bool falling = next.value < fallback_until;
        const unsigned limit = falling ? std::min(fallback, max_order) : max_order;
        const std::uint64_t span = falling ? std::min(left, fallback_until - next.value) : left;
        const unsigned order = xen::largest_order(next.value, span, limit);
        const std::uint64_t run = xen::run_of_order(next.value, span, order, limit);
        const std::uint64_t extents = std::min(run, kBatch);
        std::uint64_t* out = frames != nullptr ? frames->data() + next.value : nullptr;
        const std::uint64_t done =
            TRY(populate_run(port, id, next, extents, order, on_demand, out));
        next = next + done;
        if (done == extents << order)
            continue;
        if (order == xen::kOrder4K)
            return out_of_memory(id);
        fallback = xen::smaller_order(order);
        fallback_until = next.value + (std::uint64_t{1} << order);
    }
    return Unit{};
}

void Window::add(xen::PfnRange range, const std::vector<std::uint64_t>* frames)
{
    parts_.push_back({range, frames_.size() * kPageSize});
    for (std::uint64_t i = 0; i < range.pages; ++i) {
        const Pfn pfn = range.first + i;
        frames_.push_back(frames != nullptr ? (*frames)[pfn.value] : pfn.value);
    }
}

Outcome<Unit> Window::open(XenPort& port, DomId id)
{
    memory_.push_back(TRY(port.map(id, frames_)));
    return Unit{};
}

std::span<std::byte> Window::at(xen::PfnRange range) const
{
    for (const Part& part : parts_)
        if (range.first >= part.range.first && range.end() <= part.range.end())
            return memory_.front().bytes().subspan(
                part.offset + ((range.first - part.range.first) << kPageShift),
                range.pages << kPageShift
            );
    return {};
}

Outcome<Ramdisk> Ramdisk::open(const std::string& path)
{
    Ramdisk ramdisk;
    if (path.empty())
        return ramdisk;
    ramdisk.path_ = path;
    ramdisk.file_.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat info {};
    if (!ramdisk.file_ || ::fstat(ramdisk.file_.get(), &info) != 0)
        return cannot_open("ramdisk", path, errno);
    if (!S_ISREG(info.st_mode))
        return Error{Code::usage, "ramdisk " + path + ": not a regular file", ""};
    ramdisk.size_ = static_cast<std::uint64_t>(info.st_size);
    return ramdisk;
}

Outcome<Unit> Ramdisk::read(std::span<std::byte> out) const
{
    if (size_ == 0)
        return Unit{};
    auto answer = read_exactly(file_.get(), 0, out.first(size_));
    if (!answer) {
        Error error = answer.error();
        error.what = "ramdisk " + path_ + ": " + error.what;
        return error;
    }
    std::ranges::fill(out.subspan(size_), std::byte{});
    return Unit{};
}

Outcome<Unit> load_segments(
    const Kernel& kernel,
    std::uint64_t base,
    std::uint64_t paddr_offset,
    std::span<std::byte> memory
)
{
    for (const xen::LoadSegment& segment : kernel.image().elf.loads()) {
        const std::uint64_t at = segment.paddr - paddr_offset - base;
        const auto target = memory.subspan(at, segment.memsz);
        TRY(kernel.read(segment.file_offset, target.first(segment.filesz)));
        std::memset(target.data() + segment.filesz, 0, segment.memsz - segment.filesz);
    }
    return Unit{};
}

Outcome<Unit> seed_grants(
    XenPort& port,
    DomId id,
    std::uint64_t store_frame,
    DomId store_domain,
    std::uint64_t console_frame,
    DomId console_domain
)
{
    constexpr std::uint64_t kLastFrame = std::numeric_limits<std::uint32_t>::max();
    if (store_frame > kLastFrame || console_frame > kLastFrame)
        return Error{
            Code::unsupported,
            "the rings lie above 16 TiB of machine memory, which version 1 grants cannot name",
            ""};
    const GuestMemory table = TRY(port.map_grant_table(id));
    auto* entries = reinterpret_cast<grant_entry_v1*>(table.bytes().data());
    entries[GNTTAB_RESERVED_CONSOLE] = {
        GTF_permit_access, console_domain.value, static_cast<std::uint32_t>(console_frame)};
    entries[GNTTAB_RESERVED_XENSTORE] = {
        GTF_permit_access, store_domain.value, static_cast<std::uint32_t>(store_frame)};
    return Unit{};
}

} // namespace zocalo::toolstack
