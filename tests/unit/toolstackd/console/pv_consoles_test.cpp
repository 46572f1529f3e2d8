// SPDX-License-Identifier: Apache-2.0
// PvConsoles over fake devices: the test plays the guest on a page of its own.
#include "common/xen-sys/fake/fake_event_channels.hpp"
#include "common/xen-sys/fake/fake_grant_table.hpp"
#include "toolstackd/console/pv_consoles.hpp"
#include "toolstackd/sys/log.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <xen/io/console.h>

#include <filesystem>

namespace zocalo::toolstack {
namespace {

namespace asio = boost::asio;

constexpr DomId kGuest{5};
constexpr EventPort kPort{3};

class PvConsolesTest : public testing::Test {
  protected:
    PvConsolesTest()
    {
        set_log_sink([](LogLevel, std::string_view) {});
        char name[] = "/tmp/zocalo-console-XXXXXX";
        options.log_folder = mkdtemp(name);
        grants.grant_ring({GrantRef{0}}, std::as_writable_bytes(std::span(page_memory)));
        begin();
    }
    ~PvConsolesTest() override
    {
        if (consoles)
            end();
        std::filesystem::remove_all(options.log_folder);
        set_log_sink({});
    }

    void begin()
    {
        consoles = std::make_unique<PvConsoles>(context.get_executor(), events, grants, options);
        consoles->start();
        context.restart();
    }
    void end()
    {
        EXPECT_TRUE(wait(finish()));
        consoles.reset();
    }
    Answer<Unit> finish()
    {
        co_await consoles->stop();
        co_return Unit{};
    }
    template <class T> Outcome<T> wait(Answer<T> answer)
    {
        std::optional<Outcome<T>> result;
        asio::co_spawn(context, keep(std::move(answer), result), [](const std::exception_ptr& e) {
            EXPECT_FALSE(e);
        });
        while (!result)
            context.run_one();
        return std::move(*result);
    }
    template <class T>
    static asio::awaitable<void> keep(Answer<T> answer, std::optional<Outcome<T>>& into)
    {
        auto value = co_await std::move(answer);
        into.emplace(std::move(value));
    }
    void open() { ASSERT_TRUE(wait(consoles->open(uuid, "web", kGuest, 0, kPort))); }
    std::unique_ptr<ConsoleReader> attach(ConsoleAttach how)
    {
        auto reader = wait(consoles->attach(uuid, how));
        EXPECT_TRUE(reader);
        return reader ? std::move(reader).value() : nullptr;
    }
    void guest_writes(std::string_view text)
    {
        for (const char c : text)
            page().out[MASK_XENCONS_IDX(page().out_prod++, page().out)] = c;
        events.raise(events.local_of(kPort));
    }
    // Everything that is ready, and what the log's thread still does.
    void settle()
    {
        for (int i = 0; i < 20; ++i)
            context.run_for(std::chrono::milliseconds{2});
    }
    std::string guest_reads()
    {
        std::string text;
        while (page().in_cons != page().in_prod)
            text += page().in[MASK_XENCONS_IDX(page().in_cons++, page().in)];
        events.raise(events.local_of(kPort));
        return text;
    }
    xencons_interface& page() { return *reinterpret_cast<xencons_interface*>(page_memory.data()); }

    asio::io_context context;
    xen::FakeEventChannels events;
    xen::FakeGrantTable grants{kGuest};
    alignas(4096) std::array<std::uint64_t, 512> page_memory{};
    ConsoleOptions options;
    std::unique_ptr<PvConsoles> consoles;
    rpc::Uuid uuid = rpc::parse_uuid("01234567-89ab-cdef-0123-456789abcdef").value();
};

TEST_F(PvConsolesTest, WhatAGuestWritesReachesEveryReader)
{
    open();
    auto first = attach({}), second = attach({});
    guest_writes("hello");
    EXPECT_EQ(wait(first->read()).value(), "hello");
    EXPECT_EQ(wait(second->read()).value(), "hello");
    EXPECT_GE(events.notified(events.local_of(kPort)), 1u);
}

TEST_F(PvConsolesTest, OutputFromBeforeItWasOpenedIsNotLost)
{
    page().out[0] = '!';
    page().out_prod = 1;
    open();
    EXPECT_EQ(wait(consoles->history(uuid, 10)).value(), "!");
}

TEST_F(PvConsolesTest, AttachReplaysAsMuchAsWasAskedFor)
{
    open();
    guest_writes("0123456789");
    settle();
    auto all = attach({}), some = attach({.replay = 3}), none = attach({.replay = 0});
    EXPECT_EQ(wait(all->read()).value(), "0123456789");
    EXPECT_EQ(wait(some->read()).value(), "789");
    guest_writes("x");
    EXPECT_EQ(wait(none->read()).value(), "x");
}

TEST_F(PvConsolesTest, InputWaitsForAGuestThatDoesNotTakeIt)
{
    options.input_bytes = 2000;
    end();
    begin();
    open();
    auto writer = attach({.write = true});
    const std::string paste(10'000, 'p');
    std::optional<Outcome<Unit>> done;
    asio::co_spawn(context, keep(writer->write(paste), done), [](const std::exception_ptr&) {});
    std::string got;
    while (got.size() < paste.size()) {
        context.poll();
        EXPECT_EQ(done.has_value() && got.empty(), false);
        got += guest_reads();
    }
    settle();
    EXPECT_EQ(got, paste);
    ASSERT_TRUE(done);
    EXPECT_TRUE(*done);
}

TEST_F(PvConsolesTest, ThereIsOneWriterUnlessItsPlaceIsStolen)
{
    open();
    auto first = attach({.write = true});
    const auto refused = wait(consoles->attach(uuid, {.write = true}));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::conflict);
    auto thief = attach({.write = true, .steal = true});
    EXPECT_EQ(wait(first->write("a")).error().code, Code::conflict);
    EXPECT_TRUE(wait(thief->write("b")));
    EXPECT_EQ(guest_reads(), "b");
    thief.reset();
    EXPECT_TRUE(wait(attach({.write = true})->write("c")));
}

TEST_F(PvConsolesTest, ASlowReaderLosesOutputAndIsToldSo)
{
    options.history_bytes = 100;
    end();
    begin();
    open();
    auto slow = attach({});
    for (int i = 0; i < 10; ++i) {
        guest_writes(std::string(50, static_cast<char>('0' + i)));
        settle();
    }
    const std::string got = wait(slow->read()).value();
    EXPECT_NE(got.find("[400 bytes lost"), std::string::npos) << got;
    EXPECT_TRUE(got.ends_with(std::string(50, '8') + std::string(50, '9')));
}

TEST_F(PvConsolesTest, ALyingGuestLosesItsConsoleOnly)
{
    open();
    auto reader = attach({});
    page().out_prod = 1'000'000;
    events.raise(events.local_of(kPort));
    EXPECT_EQ(wait(reader->read()).value(), "");
    EXPECT_NE(reader->end_reason().find("impossible"), std::string::npos);
    EXPECT_EQ(grants.mapped, 0u);
    EXPECT_EQ(events.bound(), 0u);
}

TEST_F(PvConsolesTest, CloseTakesTheLastWordsAndLetsGoOfEverything)
{
    open();
    auto reader = attach({});
    page().out[0] = '.';
    page().out_prod = 1;
    consoles->close(uuid, "the domain ended");
    EXPECT_EQ(wait(reader->read()).value(), ".");
    EXPECT_EQ(wait(reader->read()).value(), "");
    EXPECT_EQ(reader->end_reason(), "the domain ended");
    EXPECT_EQ(grants.mapped, 0u);
    EXPECT_EQ(events.bound(), 0u);
    EXPECT_EQ(wait(consoles->history(uuid, 10)).value(), ".");
}

TEST_F(PvConsolesTest, AnotherDaemonFindsTheHistoryInTheLog)
{
    open();
    guest_writes("before the restart");
    settle();
    end();
    EXPECT_EQ(grants.mapped, 0u);
    begin();
    EXPECT_EQ(wait(consoles->history(uuid, 100)).value(), "before the restart") << "not running";
    open();
    guest_writes(", after it");
    settle();
    EXPECT_EQ(wait(consoles->history(uuid, 100)).value(), "before the restart, after it");
}

TEST_F(PvConsolesTest, OpeningTwiceChangesNothing)
{
    open();
    open();
    EXPECT_EQ(grants.mapped, 1u);
    EXPECT_EQ(events.bound(), 1u);
}

TEST_F(PvConsolesTest, AGuestThatWritesTooFastIsSlowedDownAndLosesNothing)
{
    options.bytes_per_second = 20'000;
    options.burst_bytes = 100;
    end();
    begin();
    open();
    guest_writes(std::string(1000, 'a'));
    context.poll();
    guest_writes("b"); // its port is masked: nobody looks before the pause is over
    context.poll();
    EXPECT_EQ(page().out_prod - page().out_cons, 1u);
    while (page().out_prod != page().out_cons)
        context.run_one();
    EXPECT_EQ(wait(consoles->history(uuid, 2000)).value(), std::string(1000, 'a') + "b");
}

TEST_F(PvConsolesTest, WithoutALogFolderTheConsoleStillWorks)
{
    std::filesystem::remove_all(options.log_folder);
    open();
    guest_writes("hello");
    settle();
    EXPECT_EQ(wait(consoles->history(uuid, 10)).value(), "hello");
}

TEST_F(PvConsolesTest, ADomainThatNeverHadOneIsNotFound)
{
    EXPECT_EQ(wait(consoles->history(uuid, 10)).error().code, Code::not_found);
}

} // namespace
} // namespace zocalo::toolstack
