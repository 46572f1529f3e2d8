// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/console/symbols.hpp"

#include <algorithm>

namespace zocalo::hv {

Place find_symbol(std::span<const Symbol> table, std::uint64_t address)
{
    const auto behind = std::upper_bound(
        table.begin(),
        table.end(),
        address,
        [](std::uint64_t value, const Symbol& symbol) { return value < symbol.address; }
    );
    if (behind == table.begin())
        return {};
    const Symbol& symbol = *(behind - 1);
    return {symbol.name, address - symbol.address};
}

} // namespace zocalo::hv
