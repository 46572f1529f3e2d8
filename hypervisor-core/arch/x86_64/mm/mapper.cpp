// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/arch/x86_64/mm/mapper.hpp"

#include "hypervisor-core/console/log.hpp"
#include "hypervisor-core/hal/memory.hpp"

namespace zocalo::hv {
namespace {

constexpr std::uint64_t kLargeBytes = 2 << 20;
constexpr std::uint64_t kTable = Pte::kPresent | Pte::kWritable | Pte::kAccessed;

} // namespace

std::uint64_t& Mapper::entry(std::uint64_t va, unsigned level, std::uint64_t user)
{
    Mfn table = root_;
    for (unsigned at = 4; at > level; --at) {
        std::uint64_t& slot = hal::table_entries(table)[table_slot(va, at)];
        if (slot == 0) {
            const auto frame = memory_.allocate();
            if (!frame)
                panic("no memory for the hypervisor's page tables: give the machine more");
            slot = Pte::make(*frame, kTable | user).raw;
        }
        table = Pte{slot}.mfn();
    }
    return hal::table_entries(table)[table_slot(va, level)];
}

void Mapper::map(std::uint64_t va, std::uint64_t address, std::uint64_t bytes, std::uint64_t flags)
{
    while (bytes != 0) {
        const bool large = ((va | address) & (kLargeBytes - 1)) == 0 && bytes >= kLargeBytes;
        const std::uint64_t step = large ? kLargeBytes : kPageSize;
        entry(va, large ? 2 : 1, flags & Pte::kUser) = address | flags | (large ? Pte::kLarge : 0);
        va += step;
        address += step;
        bytes -= bytes < step ? bytes : step;
    }
}

} // namespace zocalo::hv
