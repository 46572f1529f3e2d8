// SPDX-License-Identifier: Apache-2.0
// BootInfo: what the boot loader said, copied out of its memory before anything overwrites it.
// Sources: Multiboot 0.6.96, section 3.3, and Multiboot 2, section 3.6. Pure; reads machine memory
// through the direct map.
#pragma once

#include "common/base/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace zocalo::hv {

struct MemoryRange {
    std::uint64_t start{};
    std::uint64_t end{};  // one past the last byte
    std::uint32_t type{}; // as in an ACPI address range descriptor (e820)

    constexpr bool is_ram() const { return type == 1; }
};

struct BootModule {
    std::uint64_t start{};
    std::uint64_t end{};
    std::string_view arguments; // without the file name
};

class CommandText {
  public:
    static constexpr std::size_t kMaxLength = 1023;
    void assign(std::string_view text)
    {
        length_ = text.size() < kMaxLength ? text.size() : kMaxLength;
        for (std::size_t i = 0; i < length_; ++i)
            text_[i] = text[i];
    }
    std::string_view view() const { return {text_.data(), length_}; }

  private:
    std::array<char, kMaxLength> text_{};
    std::size_t length_{};
};

struct BootInfo {
    static constexpr std::size_t kMaxRanges = 64;
    static constexpr std::size_t kMaxModules = 8;

    std::array<MemoryRange, kMaxRanges> ranges{};
    std::array<BootModule, kMaxModules> modules{};
    std::size_t range_count{};
    std::size_t module_count{};
    CommandText command_line;     // without the image's name
    CommandText kernel_arguments; // of the first module

    std::span<const MemoryRange> memory() const { return {ranges.data(), range_count}; }
    std::span<const BootModule> loaded() const { return {modules.data(), module_count}; }
    void add_range(std::uint64_t start, std::uint64_t length, std::uint32_t type)
    {
        if (range_count < kMaxRanges && length != 0 && start + length > start)
            ranges[range_count++] = {start, start + length, type};
    }
    void add_module(std::uint64_t start, std::uint64_t end, std::string_view arguments)
    {
        if (module_count == 0)
            kernel_arguments.assign(arguments);
        if (module_count < kMaxModules && start <= end)
            modules[module_count++] = {start, end, arguments};
    }
    // One past the highest byte of RAM.
    std::uint64_t end_of_ram() const;
};

// What the loader leaves in EAX: which of the two structures it is.
inline constexpr std::uint32_t kMultiboot1Magic = 0x2badb002;
inline constexpr std::uint32_t kMultiboot2Magic = 0x36d76289;

// Reads the information structure at machine address `info`; inval when `magic` is not Multiboot's
// or no memory map was given.
Result<Unit> read_multiboot(std::uint32_t magic, std::uint32_t info, BootInfo& out);

} // namespace zocalo::hv
