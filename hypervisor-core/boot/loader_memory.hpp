// SPDX-License-Identifier: Apache-2.0
// Reading what the boot loader left in memory, and the texts in it.
#pragma once

#include "hypervisor-core/boot/boot_info.hpp"
#include "hypervisor-core/hal/memory.hpp"

#include <cstring>

namespace zocalo::hv::loader {

template <class T> T read(std::uint64_t address)
{
    T value;
    std::memcpy(&value, hal::machine_bytes(address), sizeof(T));
    return value;
}

// Up to its end, or as much of it as a command line may have.
inline std::string_view text_at(std::uint64_t address, std::size_t most = CommandText::kMaxLength)
{
    if (address == 0)
        return {};
    const auto* const text = reinterpret_cast<const char*>(hal::machine_bytes(address));
    std::size_t length = 0;
    while (length < most && text[length] != '\0')
        ++length;
    return {text, length};
}

// Whether the loader's command lines begin with the name of the file: GRUB's do not.
constexpr bool puts_names_first(std::string_view loader)
{
    return !loader.starts_with("GRUB");
}

constexpr std::string_view arguments_of(std::string_view text, bool begins_with_name)
{
    if (begins_with_name) {
        const std::size_t blank = text.find(' ');
        text.remove_prefix(blank == std::string_view::npos ? text.size() : blank);
    }
    while (!text.empty() && text.front() == ' ')
        text.remove_prefix(1);
    return text;
}

} // namespace zocalo::hv::loader
