// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/boot/boot_info.hpp"

#include "hypervisor-core/boot/loader_memory.hpp"
#include "hypervisor-core/boot/multiboot2.hpp"

namespace zocalo::hv {
namespace {

constexpr std::uint32_t kHasCommandLine = 1 << 2;
constexpr std::uint32_t kHasModules = 1 << 3;
constexpr std::uint32_t kHasMemoryMap = 1 << 6;
constexpr std::uint32_t kHasLoaderName = 1 << 9;

struct Information {
    std::uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
    std::uint32_t syms[4];
    std::uint32_t mmap_length, mmap_addr;
    std::uint32_t drives_length, drives_addr, config_table, boot_loader_name;
};
struct ModuleEntry {
    std::uint32_t start, end, string, reserved;
};
struct [[gnu::packed]] MapEntry {
    std::uint32_t size; // of what follows
    std::uint64_t base, length;
    std::uint32_t type;
};

void read_memory_map(const Information& info, BootInfo& out)
{
    std::uint64_t at = info.mmap_addr;
    const std::uint64_t end = at + info.mmap_length;
    while (at + sizeof(MapEntry) <= end) {
        const auto entry = loader::read<MapEntry>(at);
        out.add_range(entry.base, entry.length, entry.type);
        at += entry.size + sizeof(entry.size);
    }
}

Result<Unit> read_multiboot1(std::uint32_t info_address, BootInfo& out)
{
    const auto info = loader::read<Information>(info_address);
    if ((info.flags & kHasMemoryMap) == 0)
        return Errno::inval;
    read_memory_map(info, out);
    const bool names_files = (info.flags & kHasLoaderName) == 0 ||
                             loader::puts_names_first(loader::text_at(info.boot_loader_name));
    if ((info.flags & kHasCommandLine) != 0)
        out.command_line.assign(loader::arguments_of(loader::text_at(info.cmdline), names_files));
    if ((info.flags & kHasModules) == 0)
        return Unit{};
    for (std::uint32_t i = 0; i < info.mods_count && i < BootInfo::kMaxModules; ++i) {
        const auto entry = loader::read<ModuleEntry>(info.mods_addr + i * sizeof(ModuleEntry));
        out.add_module(
            entry.start, entry.end, loader::arguments_of(loader::text_at(entry.string), names_files)
        );
    }
    return Unit{};
}

} // namespace

std::uint64_t BootInfo::end_of_ram() const
{
    std::uint64_t end = 0;
    for (const MemoryRange& range : memory())
        if (range.is_ram() && range.end > end)
            end = range.end;
    return end;
}

Result<Unit> read_multiboot(std::uint32_t magic, std::uint32_t info_address, BootInfo& out)
{
    switch (magic) {
    case kMultiboot1Magic:
        return read_multiboot1(info_address, out);
    case kMultiboot2Magic:
        return read_multiboot2(info_address, out);
    default:
        return Errno::inval;
    }
}

} // namespace zocalo::hv
