// SPDX-License-Identifier: Apache-2.0
// Two domains' frames in the fake machine, and page tables made of them. What is left at the end of
// each test is audited.
#pragma once

#include "hypervisor-core/arch/fake/fake_machine.hpp"
#include "hypervisor-core/hal/memory.hpp"
#include "hypervisor-core/mm/audit.hpp"
#include "hypervisor-core/mm/page_tables.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace zocalo::hv {

inline constexpr DomId kGuest{1}, kOther{2};
inline constexpr std::uint64_t kReadOnly = Pte::kPresent | Pte::kUser;
inline constexpr std::uint64_t kWrite = kReadOnly | Pte::kWritable;

struct PageTablesTest : testing::Test {
    std::vector<FrameInfo> infos = std::vector<FrameInfo>(FakeMachine::kFrames);
    std::vector<std::uint64_t> m2p = std::vector<std::uint64_t>(FakeMachine::kFrames);
    std::vector<std::uint32_t> counts = std::vector<std::uint32_t>(FakeMachine::kFrames);
    Memory memory;
    PageTables tables{memory};
    OwnedFrames guest{.owner = kGuest, .limit = 400};
    OwnedFrames other{.owner = kOther, .limit = 200};
    MapRights rights{kGuest, kGuest, false};

    PageTablesTest()
    {
        fake_machine().reset();
        memory.start(infos, m2p);
        memory.add_free(Mfn{1}, FakeMachine::kFrames - 1);
    }
    ~PageTablesTest() override
    {
        const auto fault = audit(memory, counts);
        EXPECT_FALSE(fault) << "table " << fault->table.value << " slot " << fault->slot << " "
                            << fault->what;
    }

    Mfn page(OwnedFrames& owner) { return *memory.allocate_for(owner, 0); }
    Mfn page() { return page(guest); }
    void raw(Mfn table, unsigned slot, Mfn target, std::uint64_t flags)
    {
        hal::table_entries(table)[slot] = Pte::make(target, flags).raw;
    }
    const FrameInfo& info(Mfn mfn) { return memory.frames()[mfn]; }

    // A pinned four-level tree; `l1` is its lowest table, all slots 0.
    struct Tree {
        Mfn l4, l3, l2, l1;
    };
    Tree tree()
    {
        const Tree made{page(), page(), page(), page()};
        raw(made.l4, 0, made.l3, kWrite);
        raw(made.l3, 0, made.l2, kWrite);
        raw(made.l2, 0, made.l1, kWrite);
        EXPECT_TRUE(tables.pin(made.l4, 4, rights));
        return made;
    }
};

} // namespace zocalo::hv
