// SPDX-License-Identifier: Apache-2.0
// The page-table walk of an x86-64 processor over tables made for a test: machine frames in a map.
// Used to check generated tables by what the processor would see in them.
#pragma once

#include "common/xen-build/pv_tables.hpp"

#include <array>
#include <optional>
#include <unordered_map>
#include <vector>

namespace zocalo::test {

struct Leaf {
    std::uint64_t mfn{};
    bool writable{};
};

class TableWorld {
  public:
    // Generates every table of `plan`; pfn p lives in machine frame mfn_of(p).
    explicit TableWorld(const xen::PvPlan& plan)
    {
        for (std::uint64_t pfn = 0; pfn < plan.used_pages; ++pfn)
            mfns_.push_back(mfn_of(pfn));
        for (std::uint64_t i = 0; i < plan.table_pages(); ++i) {
            auto& table = tables_[mfn_of(xen::table_pfn(plan, i).value)];
            table.fill(~std::uint64_t{0}); // whatever was there before must not survive
            xen::fill_table(plan, mfns_, i, xen::PageTable{table.data(), table.size()});
        }
        root_ = mfn_of(plan.tables.first.value);
    }

    // Scattered, and never equal to the pfn.
    static std::uint64_t mfn_of(std::uint64_t pfn) { return (pfn ^ 0x2a5) + 0x100000; }

    std::optional<Leaf> walk(std::uint64_t va) const
    {
        std::uint64_t mfn = root_;
        bool writable = true;
        for (int shift = 39; shift >= 12; shift -= 9) {
            const auto table = tables_.find(mfn);
            if (table == tables_.end())
                return std::nullopt;
            const std::uint64_t entry = table->second[(va >> shift) & 511];
            if ((entry & 5) != 5) // present and for user mode, which a PV kernel is
                return std::nullopt;
            writable = writable && (entry & 2) != 0;
            mfn = (entry & 0x000ffffffffff000) >> 12;
        }
        return Leaf{mfn, writable};
    }

    // Entries present in all tables of the last level.
    std::uint64_t tables() const { return tables_.size(); }
    std::uint64_t present_entries() const
    {
        std::uint64_t count = 0;
        for (const auto& [mfn, table] : tables_)
            for (const std::uint64_t entry : table)
                count += entry & 1;
        return count;
    }

  private:
    std::vector<std::uint64_t> mfns_;
    std::unordered_map<std::uint64_t, std::array<std::uint64_t, 512>> tables_;
    std::uint64_t root_{};
};

} // namespace zocalo::test
