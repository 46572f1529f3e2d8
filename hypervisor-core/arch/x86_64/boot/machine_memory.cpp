// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/x86_64/boot/machine_memory.hpp"

#include "hypervisor-core/arch/x86_64/mm/layout.hpp"
#include "hypervisor-core/console/log.hpp"
#include "hypervisor-core/hal/memory.hpp"

#include <algorithm>
#include <array>

extern "C" char image_start[], image_rodata[], image_data[], image_end[];

namespace zocalo::hv {
namespace {

constexpr std::uint64_t kLowMemory = 1 << 20;
constexpr std::uint64_t kLarge = 2 << 20;
constexpr std::uint64_t kFourGib = std::uint64_t{4} << 30;

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t to)
{
    return (value + to - 1) & ~(to - 1);
}

std::uint64_t image_physical(const char* symbol)
{
    return reinterpret_cast<std::uint64_t>(symbol) - layout::kImage;
}

struct Range {
    std::uint64_t start, end;
};

// What must not be handed out: low memory, the image, the modules, our own tables.
class Reserved {
  public:
    void add(std::uint64_t start, std::uint64_t end)
    {
        if (start < end && count_ < ranges_.size())
            ranges_[count_++] = {start & ~(kPageSize - 1), round_up(end, kPageSize)};
    }
    // The first reserved range that touches [start, end).
    const Range* first_in(std::uint64_t start, std::uint64_t end) const
    {
        const Range* found = nullptr;
        for (std::size_t i = 0; i < count_; ++i)
            if (ranges_[i].start < end && ranges_[i].end > start &&
                (found == nullptr || ranges_[i].start < found->start))
                found = &ranges_[i];
        return found;
    }

  private:
    std::array<Range, 16> ranges_{};
    std::size_t count_{};
};

// Room for our tables at the end of the RAM that the first page tables map.
std::uint64_t carve(const BootInfo& boot, const Reserved& reserved, std::uint64_t bytes)
{
    for (std::size_t i = boot.range_count; i-- > 0;) {
        const MemoryRange& range = boot.ranges[i];
        const std::uint64_t end = std::min(range.end, kFourGib) & ~(kLarge - 1);
        if (!range.is_ram() || range.start >= kFourGib || end < range.start + bytes)
            continue;
        const std::uint64_t start = (end - bytes) & ~(kLarge - 1);
        if (start >= range.start && reserved.first_in(start, start + bytes) == nullptr)
            return start;
    }
    panic("no ", bytes, " bytes of RAM in one piece for the frame table: give the machine more");
}

void add_ram(Memory& memory, const Reserved& reserved, std::uint64_t start, std::uint64_t end)
{
    while (start < end) {
        const Range* const taken = reserved.first_in(start, end);
        const std::uint64_t free_end = taken != nullptr ? std::max(taken->start, start) : end;
        if (free_end > start)
            memory.add_free(Mfn{start >> kPageShift}, (free_end - start) >> kPageShift);
        if (taken == nullptr)
            return;
        const std::uint64_t kept_end = std::min(taken->end, end);
        memory.keep(Mfn{free_end >> kPageShift}, (kept_end - free_end) >> kPageShift);
        start = kept_end;
    }
}

} // namespace

void find_memory(System& system)
{
    const BootInfo& boot = system.boot;
    const std::uint64_t frames = boot.end_of_ram() >> kPageShift;
    // The M2P also covers the PCI hole: guests probe it there.
    const std::uint64_t m2p_frames = std::max(frames, kFourGib >> kPageShift);
    const std::uint64_t m2p_bytes = round_up(m2p_frames * sizeof(std::uint64_t), kLarge);
    const std::uint64_t bytes = m2p_bytes + round_up(frames * sizeof(FrameInfo), kLarge);

    Reserved reserved;
    reserved.add(0, kLowMemory);
    reserved.add(image_physical(image_start), image_physical(image_end));
    for (const BootModule& module : boot.loaded())
        reserved.add(module.start, module.end);
    const std::uint64_t ours = carve(boot, reserved, bytes);
    reserved.add(ours, ours + bytes);

    system.memory.start(
        {reinterpret_cast<FrameInfo*>(hal::machine_bytes(ours + m2p_bytes)), frames},
        {reinterpret_cast<std::uint64_t*>(hal::machine_bytes(ours)),
         m2p_bytes / sizeof(std::uint64_t)}
    );
    for (const MemoryRange& range : boot.memory())
        if (range.is_ram())
            add_ram(
                system.memory,
                reserved,
                round_up(range.start, kPageSize),
                range.end & ~(kPageSize - 1)
            );
    system.m2p = {ours, ours + m2p_bytes};
    system.tables.show(Mfn{ours >> kPageShift}, m2p_bytes >> kPageShift);
    log(system.memory.buddy().free_frames() * kPageSize >> 20, " MiB of RAM are free");
}

Mfn map_hypervisor(System& system)
{
    const auto root = system.memory.allocate();
    if (!root)
        panic("no memory for the hypervisor's page tables: give the machine more");
    Mapper mapper{system.memory, *root};
    const std::uint64_t text = image_physical(image_start);
    const std::uint64_t rodata = image_physical(image_rodata);
    const std::uint64_t data = image_physical(image_data);
    const std::uint64_t end = image_physical(image_end);
    mapper.map(layout::kImage + text, text, rodata - text, kExecutable);
    mapper.map(layout::kImage + rodata, rodata, data - rodata, kReadOnly);
    mapper.map(layout::kImage + data, data, end - data, kReadWrite);
    for (const MemoryRange& range : system.boot.memory()) {
        constexpr std::uint32_t kRam = 1, kAcpi = 3, kAcpiKept = 4;
        if (range.type != kRam && range.type != kAcpi && range.type != kAcpiKept)
            continue;
        const std::uint64_t start = range.start & ~(kLarge - 1);
        mapper.map(
            layout::kDirectMap + start, start, round_up(range.end, kLarge) - start, kReadWrite
        );
    }
    mapper.map(layout::kM2p, system.m2p.start, system.m2p.end - system.m2p.start, kGuestReadable);
    return *root;
}

void free_modules(System& system)
{
    for (const BootModule& module : system.boot.loaded())
        for (std::uint64_t at = module.start & ~(kPageSize - 1); at < module.end; at += kPageSize)
            system.memory.free(Mfn{at >> kPageShift}, 0);
}

} // namespace zocalo::hv
