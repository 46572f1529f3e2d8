// SPDX-License-Identifier: Apache-2.0
#include "common/xen-proto/xs_wire.hpp"
#include "tests/unit/toolstackd/xenstore/fake_xenstored.hpp"
#include "toolstackd/xenstore/xen_store.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <sys/socket.h>
#include <sys/un.h>

namespace zocalo::toolstack {
namespace {

namespace asio = boost::asio;
using Kind = StoreChange::Kind;
using ::testing::ElementsAre;
using ::testing::SizeIs;
using namespace std::chrono_literals;

template <class T> asio::awaitable<void> keep(Answer<T> answer, std::optional<Outcome<T>>& out)
{
    out.emplace(co_await std::move(answer));
}

class XenStoreTest : public ::testing::Test {
  protected:
    void start() { store = std::make_unique<XenStore>(io.get_executor(), options()); }
    XenStoreOptions options()
    {
        XenStoreOptions o;
        o.connect = server.connector();
        o.request_limit = limit;
        o.reconnect_first = 1ms;
        return o;
    }
    // Runs the loop until the answer is there.
    template <class T> Outcome<T> get(Answer<T> answer)
    {
        std::optional<Outcome<T>> out;
        asio::co_spawn(io, keep(std::move(answer), out), asio::detached);
        while (!out)
            io.run_one();
        return *out;
    }
    // Runs the loop until `holds`.
    void until(const std::function<bool()>& holds)
    {
        while (!holds())
            io.run_one();
    }

    std::chrono::milliseconds limit = 10s;
    asio::io_context io;
    FakeXenstored server{io.get_executor()};
    std::unique_ptr<XenStore> store;
};

TEST_F(XenStoreTest, WritesReadsListsAndRemoves)
{
    start();
    EXPECT_TRUE(get(store->commit(
        {{Kind::write, "/d/a", std::string("1\0z", 3), {"n0", "r7"}},
         {Kind::mkdir, "/d/b", "", {}}},
        {{"/d", std::nullopt, true}}
    )));
    EXPECT_EQ(get(store->read("/d/a")).value(), std::string("1\0z", 3));
    EXPECT_EQ(get(store->read("/d/none")).value(), std::nullopt);
    EXPECT_THAT(get(store->list("/d")).value(), ElementsAre("a", "b"));
    EXPECT_THAT(get(store->list("/nowhere")).value(), SizeIs(0));
    EXPECT_EQ(server.permissions("/d/a"), "n0 r7");
    EXPECT_TRUE(get(store->commit({{Kind::remove, "/d", "", {}}}, {})));
    EXPECT_EQ(server.nodes(), 1u);
    EXPECT_EQ(store->request_count(), server.requests);
}

TEST_F(XenStoreTest, TheKernelsDeviceIsAskedOneThingAtATime)
{
    server.as_device = true;
    start();
    unsigned seen = 0;
    const auto watch = store->watch("/d", [&](const std::string&) { ++seen; });
    EXPECT_TRUE(get(store->commit(
        {{Kind::write, "/d/a", "1", {"n0"}}, {Kind::write, "/d/b", "2", {}}},
        {{"/d", std::nullopt, true}}
    )));
    until([&] { return seen >= 2; }); // its first event, and those of the writes
    EXPECT_EQ(get(store->read("/d/b")).value(), "2");
    EXPECT_EQ(server.at_once, 1U);
    EXPECT_GT(server.requests, 6U);
}

TEST_F(XenStoreTest, AXenstoredThatWasMetAtItsSocketIsLookedForThereOnly)
{
    char folder[] = "/tmp/zocalo-xenstored-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    const std::string path = std::string{folder} + "/socket";
    XenstoredFinder find{path, "/dev/null"};
    ASSERT_TRUE(find()); // no socket yet: perhaps xenstored is another domain
    EXPECT_TRUE(find()->kernel_device);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    {
        const UniqueFd listener{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        ASSERT_EQ(
            bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0
        );
        ASSERT_EQ(listen(listener.get(), 1), 0);
        ASSERT_TRUE(find());
        EXPECT_FALSE(find()->kernel_device);
    }
    std::filesystem::remove_all(folder);
    const auto gone = find();
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().code, Code::unreachable);
}

TEST_F(XenStoreTest, ListsMoreNamesThanOneMessageHolds)
{
    for (int i = 0; i < 2000; ++i)
        server.write("/local/domain/" + std::to_string(i), "");
    start();
    EXPECT_THAT(get(store->list("/local/domain")).value(), SizeIs(2000));
}

TEST_F(XenStoreTest, RetriesTheWholeTransactionOnConflict)
{
    server.conflicts = 5;
    start();
    EXPECT_TRUE(get(store->commit({{Kind::write, "/a", "1", {"n0"}}}, {{"/b", std::nullopt, true}}))
    );
    EXPECT_EQ(server.transactions, 6u);
    EXPECT_EQ(server.value("/a"), "1");
}

TEST_F(XenStoreTest, GivesUpAConflictThatNeverEnds)
{
    server.conflicts = 1000;
    start();
    const auto done =
        get(store->commit({{Kind::write, "/a", "1", {"n0"}}}, {{"/b", std::nullopt, true}}));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Code::conflict);
    EXPECT_EQ(server.transactions, 16u);
}

TEST_F(XenStoreTest, ChangesThatDependOnNothingMeetNoConflict)
{
    server.conflicts = 1000;
    start();
    EXPECT_TRUE(get(
        store->commit({{Kind::write, "/a", "1", {"n0", "r7"}}, {Kind::write, "/a/b", "2", {}}}, {})
    ));
    EXPECT_EQ(server.transactions, 0u);
    EXPECT_EQ(server.value("/a/b"), "2");
    EXPECT_EQ(server.permissions("/a"), "n0 r7");
}

TEST_F(XenStoreTest, DropsTheTransactionWhenAGuardDoesNotHold)
{
    start();
    const auto done =
        get(store->commit({{Kind::write, "/d/1/x", "1", {}}}, {{"/d/1", std::nullopt, false}}));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Code::conflict);
    EXPECT_TRUE(get(store->read("/")));
    EXPECT_EQ(server.open_transactions(), 0u);
    EXPECT_EQ(server.nodes(), 1u);
}

TEST_F(XenStoreTest, IntroducesAndReleasesIdempotently)
{
    start();
    EXPECT_FALSE(get(store->is_introduced(DomId{7})).value());
    EXPECT_TRUE(get(store->introduce(DomId{7}, 0x1234, EventPort{1})));
    EXPECT_TRUE(get(store->is_introduced(DomId{7})).value());
    EXPECT_TRUE(get(store->release(DomId{7})));
    EXPECT_TRUE(get(store->release(DomId{7})));
}

TEST_F(XenStoreTest, CallsAWatchFirstForItselfThenForChangesUntilItsHandleGoes)
{
    start();
    std::vector<std::string> calls;
    auto watch = store->watch("/w", [&](const std::string& path) { calls.push_back(path); });
    until([&] { return calls.size() == 1; });
    server.write("/w/a", "1");
    until([&] { return calls.size() == 2; });
    EXPECT_THAT(calls, ElementsAre("/w", "/w/a"));
    watch.reset();
    server.write("/w/b", "1");
    EXPECT_TRUE(get(store->read("/w/b")));
    EXPECT_TRUE(get(store->read("/w/b")));
    EXPECT_THAT(calls, SizeIs(2));
}

TEST_F(XenStoreTest, MakesOneCallForManyChangesOfOnePath)
{
    start();
    int calls = 0;
    const auto watch = store->watch("/w", [&](const std::string&) { ++calls; });
    until([&] { return calls == 1; });
    for (int i = 0; i < 100; ++i)
        server.write("/w", std::to_string(i));
    until([&] { return calls == 2; });
    EXPECT_TRUE(get(store->read("/w")));
    EXPECT_LT(calls, 20);
}

TEST_F(XenStoreTest, ReconnectsAndArmsItsWatchesAgain)
{
    start();
    int calls = 0;
    const auto watch = store->watch("/w", [&](const std::string&) { ++calls; });
    until([&] { return calls == 1; });
    server.accepting = false;
    server.drop_connections();
    until([&] { return !store->up(); });
    EXPECT_EQ(get(store->read("/w")).error().code, Code::unreachable);
    server.accepting = true;
    until([&] { return store->up(); });
    until([&] { return calls == 2; });
    server.write("/w", "x");
    until([&] { return calls == 3; });
    EXPECT_EQ(get(store->read("/w")).value(), "x");
}

TEST_F(XenStoreTest, StartsBeforeXenstored)
{
    server.accepting = false;
    start();
    EXPECT_FALSE(store->up());
    int calls = 0;
    const auto watch = store->watch("/w", [&](const std::string&) { ++calls; });
    server.accepting = true;
    until([&] { return calls == 1; });
    EXPECT_TRUE(store->up());
}

TEST_F(XenStoreTest, FailsCallsUnderWayWhenTheConnectionEnds)
{
    server.silent = true;
    start();
    std::optional<Outcome<std::optional<std::string>>> out;
    asio::co_spawn(io, keep(store->read("/a"), out), asio::detached);
    until([&] { return server.requests == 1; });
    server.drop_connections();
    until([&] { return out.has_value(); });
    EXPECT_EQ(out->error().code, Code::unreachable);
}

TEST_F(XenStoreTest, AnswersTimeoutWhenXenstoredDoesNotAndDropsLateAnswers)
{
    limit = 20ms;
    server.silent = true;
    start();
    EXPECT_EQ(get(store->read("/a")).error().code, Code::timeout);
    server.silent = false;
    EXPECT_TRUE(get(store->read("/a")));
}

TEST_F(XenStoreTest, LeavesAServerThatTalksGarbage)
{
    const auto header = xen::xs_header(XS_READ, 99, 0, 0);
    for (const std::string& bytes :
         {std::string(64, '\xff'), std::string(header.data(), header.size())}) {
        start();
        ASSERT_TRUE(store->up());
        server.send_garbage(bytes);
        until([&] { return !store->up(); });
        until([&] { return store->up(); });
        EXPECT_TRUE(get(store->commit({{Kind::write, "/a", "1", {"n0"}}}, {})));
        store.reset();
    }
}

TEST_F(XenStoreTest, SendsCreationOfADomainInThreeRoundTrips)
{
    start();
    std::vector<StoreChange> changes;
    for (int i = 0; i < 50; ++i)
        changes.push_back({Kind::write, "/d/" + std::to_string(i), "v", {}});
    EXPECT_TRUE(get(store->commit(changes, {{"/d", std::nullopt, true}})));
    EXPECT_EQ(store->request_count(), 53u); // start, guard, 50 writes, end
}

} // namespace
} // namespace zocalo::toolstack
