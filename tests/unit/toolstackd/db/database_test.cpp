// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/db/database.hpp"
#include "toolstackd/db/migrations.hpp"
#include "toolstackd/sys/pool.hpp"

#include <boost/asio/co_spawn.hpp>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace zocalo::toolstack {
namespace {

class DatabaseTest : public ::testing::Test {
  protected:
    void SetUp() override
    {
        char name[] = "/tmp/zocalo-db-XXXXXX";
        ASSERT_NE(mkdtemp(name), nullptr);
        folder_ = name;
        file_ = folder_ / "domains.db";
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    std::unique_ptr<Database> open(Pool* pool = nullptr)
    {
        auto opened = Database::open(file_, pool);
        EXPECT_TRUE(opened) << (opened ? "" : opened.error().what);
        return opened ? std::move(opened).value() : nullptr;
    }

    template <class T>
    static boost::asio::awaitable<void> deliver(Answer<T> work, std::optional<Outcome<T>>& result)
    {
        result = co_await std::move(work);
    }

    template <class T> Outcome<T> run(Answer<T> work)
    {
        std::optional<Outcome<T>> result;
        boost::asio::io_context io;
        boost::asio::co_spawn(io, deliver(std::move(work), result), [](std::exception_ptr failure) {
            EXPECT_FALSE(failure);
        });
        io.run();
        return *result;
    }

    std::filesystem::path folder_, file_;
};

DomainRow domain_row(std::uint8_t id, const std::string& name)
{
    DomainRow row;
    row.uuid.bytes[0] = id;
    row.name = row.config.name = name;
    return row;
}

Batch new_domain(std::uint8_t id, const std::string& name)
{
    Batch batch;
    batch.domains.push_back(domain_row(id, name));
    InstanceRow instance;
    instance.uuid = batch.domains[0].uuid;
    instance.phase = Phase::running;
    instance.domid = id;
    batch.instances.push_back(instance);
    batch.resources.push_back({"disk", "file:" + name, instance.uuid, ResourceState::live, 51712});
    rpc::DiskConfig disk;
    disk.devid = 51712;
    batch.devices.push_back({instance.uuid, disk, DeviceState::live});
    OpRow op;
    op.verb = "create";
    op.idem_key = "key of " + name;
    batch.ops.push_back(op);
    batch.events.emplace_back();
    batch.events.back().kind = "domain.running";
    return batch;
}

TEST_F(DatabaseTest, WhatWasCommittedIsThereAfterOpeningAgain)
{
    ASSERT_TRUE(run(open()->commit(new_domain(1, "web"))));
    const auto kept = run(open()->load());
    ASSERT_TRUE(kept);
    ASSERT_EQ(kept->domains.size(), 1U);
    EXPECT_EQ(kept->domains[0].name, "web");
    EXPECT_EQ(kept->instances[0].phase, Phase::running);
    EXPECT_EQ(kept->resources[0].devid, 51712U);
    EXPECT_EQ(ref_of(kept->devices[0]).devid, 51712U);
    EXPECT_EQ(kept->ops[0].idem_key, "key of web");
    EXPECT_EQ(kept->events[0].kind, "domain.running");
}

TEST_F(DatabaseTest, ABatchThatFailsChangesNothing)
{
    auto db = open();
    ASSERT_TRUE(run(db->commit(new_domain(1, "web"))));
    auto same_key = new_domain(2, "mail");
    same_key.ops[0].idem_key = "key of web";
    auto same_disk = new_domain(2, "mail");
    same_disk.resources[0].key = "file:web";
    for (const Batch& batch : {new_domain(2, "web"), same_key, same_disk}) {
        const auto refused = run(db->commit(batch));
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, Code::conflict) << refused.error().what;
    }
    const auto kept = run(db->load());
    EXPECT_EQ(kept->domains.size(), 1U);
    EXPECT_EQ(kept->events.size(), 1U);
    EXPECT_EQ(db->commits(), 1U);
}

TEST_F(DatabaseTest, ADomainThatHoldsSomethingCannotBeDropped)
{
    auto db = open();
    ASSERT_TRUE(run(db->commit(new_domain(1, "web"))));
    Batch drop;
    drop.dropped_domains.push_back(domain_row(1, "web").uuid);
    EXPECT_FALSE(run(db->commit(drop)));
    drop.dropped_resources.push_back(new_domain(1, "web").resources[0]);
    EXPECT_TRUE(run(db->commit(drop)));
    const auto kept = run(db->load());
    EXPECT_TRUE(kept->domains.empty() && kept->instances.empty() && kept->devices.empty());
}

TEST_F(DatabaseTest, EventNumbersAreNeverUsedAgain)
{
    auto db = open();
    Batch batch;
    batch.events.emplace_back();
    ASSERT_EQ(run(db->commit(batch))->event_seqs, std::vector<std::uint64_t>{1});
    {
        auto raw = Connection::open(file_);
        ASSERT_TRUE(raw->execute("DELETE FROM event"));
    }
    EXPECT_EQ(run(db->load())->last_event, 1U);
    EXPECT_EQ(run(db->commit(batch))->event_seqs, std::vector<std::uint64_t>{2});
}

TEST_F(DatabaseTest, NumbersThatAPowerCutMayHaveLostAreLeftOut)
{
    auto db = open();
    ASSERT_TRUE(run(db->commit(new_domain(1, "web"))));
    Batch boot;
    boot.host_booted = true;
    ASSERT_TRUE(run(db->commit(boot)));
    const auto next = run(db->commit(new_domain(2, "mail")));
    ASSERT_TRUE(next);
    EXPECT_GT(next->event_seqs[0], 100'000U);
    EXPECT_GT(next->op_ids[0], 100'000U);
}

TEST_F(DatabaseTest, OnlyADurableBatchIsCountedAsSynced)
{
    auto db = open();
    Batch batch = new_domain(1, "web");
    batch.durable = false;
    ASSERT_TRUE(run(db->commit(batch)));
    ASSERT_TRUE(run(db->commit(new_domain(2, "mail"))));
    EXPECT_EQ(db->commits(), 2U);
    EXPECT_EQ(db->synced(), 1U);
    EXPECT_EQ(run(open()->load())->domains.size(), 2U);
}

TEST_F(DatabaseTest, EachStartIsStampedAndSoIsEachEvent)
{
    const std::string file = folder_ / "database.stamp";
    auto db = open();
    const auto first = run(db->begin_generation(file));
    ASSERT_TRUE(first);
    EXPECT_EQ(read_stamp(file), *first);
    ASSERT_TRUE(run(db->commit(new_domain(1, "web"))));
    EXPECT_EQ(read_stamp(file)->last_event, first->last_event + 1);
    db = open();
    EXPECT_EQ(doubt(*db->stamp(), *read_stamp(file)), "");
    EXPECT_EQ(run(db->begin_generation(file))->generation, first->generation + 1);
}

TEST_F(DatabaseTest, ANewerSchemaIsRefusedAndLeftAsItIs)
{
    open();
    {
        auto raw = Connection::open(file_);
        ASSERT_TRUE(raw->execute("PRAGMA user_version=99"));
    }
    const auto refused = Database::open(file_);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::unsupported);
}

TEST_F(DatabaseTest, ADamagedFileIsRefusedWithTheWayOut)
{
    open();
    std::ofstream(file_, std::ios::in | std::ios::out) << "this is no database at all";
    const auto refused = Database::open(file_);
    ASSERT_FALSE(refused);
    EXPECT_FALSE(refused.error().next.empty());
}

TEST_F(DatabaseTest, AFullDiskFailsTheBatchWhole)
{
    auto db = open();
    ASSERT_TRUE(run(db->commit(new_domain(1, "web"))));
    auto big = new_domain(2, "mail");
    big.domains[0].config.cmdline = std::string(40 << 20, 'x');
    ASSERT_TRUE(db->limit_pages(64)); // SQLITE_FULL, as a full file system gives it
    const auto refused = run(db->commit(big));
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().next, "");
    EXPECT_EQ(run(db->load())->domains.size(), 1U);
    EXPECT_TRUE(run(db->commit(new_domain(3, "small"))));
}

TEST_F(DatabaseTest, ItAnswersFromItsOwnThread)
{
    Pool pool("database", 1);
    auto db = open(&pool);
    ASSERT_TRUE(run(db->commit(new_domain(1, "web"))));
    EXPECT_EQ(run(db->load())->domains.size(), 1U);
}

TEST(Migrations, ThoseOfTheTreeAreNumberedWithoutGaps)
{
    int number = 0;
    for (const Migration& migration : embedded_migrations())
        EXPECT_EQ(migration.number, ++number);
    EXPECT_GE(number, 1);
}

TEST(Migrations, AnOlderDatabaseIsBroughtUpAndAFailureLeavesItAsItWas)
{
    auto connection = Connection::open(":memory:").value();
    const Migration good{1, "CREATE TABLE a (x INTEGER);"};
    const Migration bad{2, "CREATE TABLE b (x INTEGER); CREATE TABLE b (x INTEGER);"};
    const Migration better{2, "CREATE TABLE b (x INTEGER);"};
    ASSERT_TRUE(migrate(connection, std::array{good}));
    EXPECT_FALSE(migrate(connection, std::array{good, bad}));
    EXPECT_TRUE(migrate(connection, std::array{good, better}));
    EXPECT_TRUE(connection.execute("INSERT INTO b VALUES (1)"));
}

} // namespace
} // namespace zocalo::toolstack
