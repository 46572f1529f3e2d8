// SPDX-License-Identifier: Apache-2.0
// Symbols: the names of functions, so that a report of the hypervisor's own end can be read where
// it is printed. The table is made from the image's first link (tools/symbol_table.py). Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace zocalo::hv {

// A row of section .symbols; rows are in order of addresses.
struct Symbol {
    std::uint64_t address{};
    const char* name{};
};

// The function an address lies in, and how far in; an empty name before the first one.
struct Place {
    std::string_view name;
    std::uint64_t offset{};
};

Place find_symbol(std::span<const Symbol> table, std::uint64_t address);

} // namespace zocalo::hv
