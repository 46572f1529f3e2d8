// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/boot/boot_info.hpp"

#include "hypervisor-core/hal/memory.hpp"

#include <cstring>

namespace zocalo::hv {
namespace {

constexpr std::uint32_t kLoaderMagic = 0x2badb002;
constexpr std::uint32_t kHasCommandLine = 1 << 2;
constexpr std::uint32_t kHasModules = 1 << 3;
constexpr std::uint32_t kHasMemoryMap = 1 << 6;

struct Information {
    std::uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
    std::uint32_t syms[4];
    std::uint32_t mmap_length, mmap_addr;
};
struct ModuleEntry {
    std::uint32_t start, end, string, reserved;
};
struct [[gnu::packed]] MapEntry {
    std::uint32_t size; // of what follows
    std::uint64_t base, length;
    std::uint32_t type;
};

template <class T> T read(std::uint64_t address)
{
    T value;
    std::memcpy(&value, hal::machine_bytes(address), sizeof(T));
    return value;
}

std::string_view text_at(std::uint32_t address)
{
    if (address == 0)
        return {};
    const auto* text = reinterpret_cast<const char*>(hal::machine_bytes(address));
    std::size_t length = 0;
    while (length < CommandText::kMaxLength && text[length] != '\0')
        ++length;
    return {text, length};
}

// The loader puts the file's name first.
std::string_view without_name(std::string_view text)
{
    const std::size_t blank = text.find(' ');
    if (blank == std::string_view::npos)
        return {};
    text.remove_prefix(blank);
    while (!text.empty() && text.front() == ' ')
        text.remove_prefix(1);
    return text;
}

void read_memory_map(const Information& info, BootInfo& out)
{
    std::uint64_t at = info.mmap_addr;
    const std::uint64_t end = at + info.mmap_length;
    while (at + sizeof(MapEntry) <= end && out.range_count < BootInfo::kMaxRanges) {
        const auto entry = read<MapEntry>(at);
        if (entry.length != 0 && entry.base + entry.length > entry.base)
            out.ranges[out.range_count++] = {entry.base, entry.base + entry.length, entry.type};
        at += entry.size + sizeof(entry.size);
    }
}

void read_modules(const Information& info, BootInfo& out)
{
    for (std::uint32_t i = 0; i < info.mods_count && i < BootInfo::kMaxModules; ++i) {
        const auto entry = read<ModuleEntry>(info.mods_addr + i * sizeof(ModuleEntry));
        out.modules[out.module_count++] = {
            entry.start, entry.end, without_name(text_at(entry.string))};
    }
    if (out.module_count != 0)
        out.kernel_arguments.assign(out.modules[0].arguments);
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
    if (magic != kLoaderMagic)
        return Errno::inval;
    const auto info = read<Information>(info_address);
    if ((info.flags & kHasMemoryMap) == 0)
        return Errno::inval;
    read_memory_map(info, out);
    if ((info.flags & kHasCommandLine) != 0)
        out.command_line.assign(without_name(text_at(info.cmdline)));
    if ((info.flags & kHasModules) != 0)
        read_modules(info, out);
    return Unit{};
}

} // namespace zocalo::hv
