// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/boot/multiboot2.hpp"

#include "hypervisor-core/boot/loader_memory.hpp"

namespace zocalo::hv {
namespace {

enum TagType : std::uint32_t {
    kEnd = 0,
    kCommandLine = 1,
    kLoaderName = 2,
    kModule = 3,
    kMemoryMap = 6
};

struct Tag {
    std::uint32_t type, size; // the size includes this
};
struct Information {
    std::uint32_t total_size, reserved;
};
struct MapHeader {
    Tag tag;
    std::uint32_t entry_size, entry_version;
};
struct MapEntry {
    std::uint64_t base, length;
    std::uint32_t type, reserved;
};
struct ModuleHeader {
    Tag tag;
    std::uint32_t start, end;
};

constexpr std::uint32_t kMaxBytes = 1 << 20;

// Calls `act` with the address of each tag and what it begins with.
template <class Action> Result<Unit> for_each_tag(std::uint32_t info_address, Action&& act)
{
    constexpr std::uint64_t kAlignment = 8;
    const auto info = loader::read<Information>(info_address);
    if (info.total_size > kMaxBytes)
        return Errno::inval;
    const std::uint64_t end = std::uint64_t{info_address} + info.total_size;
    std::uint64_t at = std::uint64_t{info_address} + sizeof(Information);
    while (at + sizeof(Tag) <= end) {
        const auto tag = loader::read<Tag>(at);
        if (tag.type == kEnd)
            return Unit{};
        if (tag.size < sizeof(Tag) || at + tag.size > end)
            return Errno::inval;
        act(at, tag);
        at += (tag.size + kAlignment - 1) & ~(kAlignment - 1);
    }
    return Unit{};
}

std::string_view text_in(std::uint64_t tag_address, const Tag& tag, std::size_t header)
{
    return tag.size > header ? loader::text_at(tag_address + header, tag.size - header)
                             : std::string_view{};
}

void read_memory_map(std::uint64_t address, const Tag& tag, BootInfo& out)
{
    const auto header = loader::read<MapHeader>(address);
    if (header.entry_size < sizeof(MapEntry))
        return;
    for (std::uint64_t at = sizeof(MapHeader); at + sizeof(MapEntry) <= tag.size;
         at += header.entry_size) {
        const auto entry = loader::read<MapEntry>(address + at);
        out.add_range(entry.base, entry.length, entry.type);
    }
}

} // namespace

Result<Unit> read_multiboot2(std::uint32_t info_address, BootInfo& out)
{
    bool names_files = true;
    TRY(for_each_tag(info_address, [&](std::uint64_t address, const Tag& tag) {
        if (tag.type == kLoaderName)
            names_files = loader::puts_names_first(text_in(address, tag, sizeof(Tag)));
    }));
    TRY(for_each_tag(info_address, [&](std::uint64_t address, const Tag& tag) {
        if (tag.type == kCommandLine) {
            out.command_line.assign(
                loader::arguments_of(text_in(address, tag, sizeof(Tag)), names_files)
            );
        } else if (tag.type == kMemoryMap) {
            read_memory_map(address, tag, out);
        } else if (tag.type == kModule && tag.size >= sizeof(ModuleHeader)) {
            const auto header = loader::read<ModuleHeader>(address);
            out.add_module(
                header.start,
                header.end,
                loader::arguments_of(text_in(address, tag, sizeof(ModuleHeader)), names_files)
            );
        }
    }));
    if (out.range_count == 0)
        return Errno::inval;
    return Unit{};
}

} // namespace zocalo::hv
