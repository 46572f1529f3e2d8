// SPDX-License-Identifier: Apache-2.0
#include "backends/net/hash_log.hpp"
#include "backends/net/hash_settings.hpp"
#include "tests/unit/backends/net/frames.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <sys/mman.h>
#include <vector>

namespace zocalo::net {
namespace {

using Status = ControlStatus;

constexpr std::uint32_t kToeplitz = XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ;
constexpr std::uint32_t kNone = XEN_NETIF_CTRL_HASH_ALGORITHM_NONE;

HashSettings asked(std::uint32_t queues)
{
    HashSettings settings{queues};
    EXPECT_EQ(settings.set_algorithm(kToeplitz), Status::success);
    EXPECT_EQ(settings.set_types(HashSettings::kAllTypes), Status::success);
    EXPECT_EQ(settings.set_key(test::bytes("a key that a guest made up")), Status::success);
    return settings;
}

TEST(HashSettings, NothingIsHashedBeforeAnAlgorithmAndTypesAreThere)
{
    const test::Frame frame = test::ipv4(6, test::tcp({}));
    HashSettings settings{4};
    std::uint32_t types = 0;
    EXPECT_EQ(settings.get_types(types), Status::not_supported);
    EXPECT_EQ(settings.set_types(1), Status::invalid_parameter);
    EXPECT_FALSE(settings.hashes());
    EXPECT_EQ(settings.set_algorithm(2), Status::invalid_parameter);
    EXPECT_EQ(settings.set_algorithm(kToeplitz), Status::success);
    EXPECT_EQ(settings.get_types(types), Status::success);
    EXPECT_EQ(types, 15u);
    EXPECT_FALSE(settings.hash(frame));
    EXPECT_EQ(settings.set_types(16), Status::invalid_parameter);
    EXPECT_EQ(settings.set_types(15), Status::success);
    EXPECT_TRUE(settings.hash(frame));
    EXPECT_EQ(settings.set_types(0), Status::success);
    EXPECT_FALSE(settings.hash(frame));
    EXPECT_EQ(settings.set_types(15), Status::success);
    EXPECT_EQ(settings.set_algorithm(kNone), Status::success);
    EXPECT_FALSE(settings.hash(frame));
}

TEST(HashSettings, ANewKeyReplacesTheOldOneWhole)
{
    HashSettings settings = asked(1);
    const HashKey before = settings.kept().key;
    EXPECT_EQ(HashSettings::allows_key(40), Status::success);
    EXPECT_EQ(HashSettings::allows_key(41), Status::buffer_overflow);
    EXPECT_EQ(HashSettings::allows_key(0xffffffff), Status::buffer_overflow);
    EXPECT_EQ(settings.set_key(test::Frame(41, 1)), Status::buffer_overflow);
    EXPECT_EQ(settings.kept().key, before);
    EXPECT_EQ(settings.set_key(test::Frame(2, 1)), Status::success);
    EXPECT_EQ(settings.kept().key, (HashKey{1, 1}));
    EXPECT_EQ(settings.set_key({}), Status::success);
    EXPECT_EQ(settings.kept().key, HashKey{});
}

TEST(HashSettings, WithoutAMappingQueuesAreTakenInTurn)
{
    const HashSettings settings = asked(3);
    EXPECT_EQ(settings.queue_of({0, 0}), 0u);
    EXPECT_EQ(settings.queue_of({7, 0}), 1u);
    EXPECT_EQ(settings.queue_of({0xffffffff, 0}), 0u);
}

TEST(HashSettings, AMappingLeadsWhereItSaysAndNowhereElse)
{
    HashSettings settings = asked(3);
    EXPECT_EQ(settings.set_entries(129), Status::invalid_parameter);
    EXPECT_EQ(settings.set_entries(4), Status::success);
    EXPECT_EQ(settings.queue_of({3, 0}), 0u) << "a new table is zero";
    const std::vector<std::uint32_t> queues{2, 1, 0};
    EXPECT_EQ(settings.set_mapping(1, queues), Status::success);
    EXPECT_EQ(settings.queue_of({1, 0}), 2u);
    EXPECT_EQ(settings.queue_of({6, 0}), 1u);
    EXPECT_EQ(settings.queue_of({0xffffffff, 0}), 0u);
    EXPECT_EQ(settings.set_mapping(2, queues), Status::invalid_parameter) << "beyond its size";
    EXPECT_EQ(settings.set_mapping(126, queues), Status::buffer_overflow);
    EXPECT_EQ(settings.set_mapping(0xffffffff, queues), Status::buffer_overflow);
    EXPECT_EQ(settings.allows_mapping(0xffffffff, 0xffffffff), Status::buffer_overflow);
    EXPECT_EQ(settings.set_mapping(0, std::vector<std::uint32_t>(200)), Status::buffer_overflow);
    EXPECT_EQ(settings.set_mapping(0, std::vector<std::uint32_t>{1, 3}), Status::invalid_parameter);
    EXPECT_EQ(
        settings.set_mapping(0, std::vector<std::uint32_t>{0x100}), Status::invalid_parameter
    );
    EXPECT_EQ(settings.queue_of({0, 0}), 0u) << "none of a bad table is taken";
    EXPECT_EQ(settings.set_entries(2), Status::success);
    EXPECT_EQ(settings.queue_of({1, 0}), 0u);
}

TEST(HashSettings, WhatNoGuestCouldHaveSetIsNotTaken)
{
    HashSettings good = asked(2);
    good.set_entries(2);
    good.set_mapping(0, std::vector<std::uint32_t>{1, 0});
    HashSettings settings{2};
    EXPECT_TRUE(settings.restore(good.kept()));
    EXPECT_EQ(settings.kept(), good.kept());
    EXPECT_FALSE(HashSettings{1}.restore(good.kept()));
    const auto spoiled = [&](auto change) {
        HashSettings::Kept kept = good.kept();
        change(kept);
        HashSettings fresh{2};
        EXPECT_FALSE(fresh.restore(kept));
        EXPECT_EQ(fresh.kept(), HashSettings::Kept{});
    };
    spoiled([](auto& kept) { kept.algorithm = 2; });
    spoiled([](auto& kept) { kept.types = 16; });
    spoiled([](auto& kept) { kept.entries = 129; });
    spoiled([](auto& kept) { kept.mapping[127] = 2; });
}

struct HashLogTest : testing::Test {
    const RingIdentity ring{5, 10, 13};
    UniqueFd file{::memfd_create("journal", MFD_CLOEXEC)};
    NetJournal journal = NetJournal::open(UniqueFd{::dup(file.get())}).value();
    HashLog log{journal.settings()};
};

TEST_F(HashLogTest, TheNextProcessFindsWhatWasSetLast)
{
    EXPECT_FALSE(log.recover(ring));
    log.begin(ring);
    EXPECT_EQ(log.recover(ring), HashSettings::Kept{});
    for (std::uint32_t entries = 1; entries < 4; ++entries) {
        HashSettings settings = asked(2);
        settings.set_entries(entries);
        log.keep(settings.kept());
        const NetJournal next = NetJournal::open(UniqueFd{::dup(file.get())}).value();
        EXPECT_EQ(HashLog{next.settings()}.recover(ring), settings.kept());
    }
    EXPECT_FALSE(log.recover({5, 10, 14}));
    log.end();
    EXPECT_FALSE(log.recover(ring));
}

TEST_F(HashLogTest, AProcessThatDiesWhileItWritesSpoilsNothing)
{
    log.begin(ring);
    const HashSettings settings = asked(2);
    log.keep(settings.kept());
    // The other copy is what it would have been at.
    const auto memory = journal.settings();
    const std::size_t copies = memory.size_bytes();
    ASSERT_GE(copies, 20 + 2 * sizeof(HashSettings::Kept));
    std::memset(memory.data() + 20, 0xff, sizeof(HashSettings::Kept));
    EXPECT_EQ(log.recover(ring), settings.kept());
}

TEST_F(HashLogTest, RingsAndSettingsDoNotShareMemory)
{
    log.begin(ring);
    log.keep(asked(2).kept());
    RingLog last = journal.rx(NetJournal::kQueues - 1);
    last.begin(ring);
    for (std::uint32_t i = 0; i < kRingSlots; ++i)
        last.note(i, kExtraSlot);
    EXPECT_EQ(log.recover(ring), asked(2).kept());
    EXPECT_TRUE(HashLog{}.recover(ring) == std::nullopt);
}

} // namespace
} // namespace zocalo::net
