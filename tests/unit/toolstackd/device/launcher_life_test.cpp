// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/device/launcher.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace zocalo::toolstack {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

class LauncherLifeTest : public ::testing::Test {
  protected:
    LauncherLifeTest()
    {
        std::array<char, 32> name{"/tmp/zocalo-launcher-XXXXXX"};
        directory = ::mkdtemp(name.data());
    }
    ~LauncherLifeTest() override
    {
        ProcessLauncher last{options()};
        for (const DeviceKind kind : {DeviceKind::disk, DeviceKind::nic})
            static_cast<void>(last.end(uuid, kind, milliseconds{0}));
        fs::remove_all(directory);
    }

    LauncherOptions options() const
    {
        return {
            .directory = directory,
            .programs = {ZOCALO_SLEEPER, ZOCALO_SLEEPER},
            .event_channels = "/dev/null",
            .grants = "/dev/null",
            .scope = false};
    }
    // Of our domain only: other tests may run beside this one.
    std::vector<DeviceRemains::Process> processes(ProcessLauncher& launcher) const
    {
        auto found = launcher.find();
        if (!found)
            return {};
        std::erase_if(*found, [this](const auto& process) { return process.uuid != uuid; });
        return *found;
    }
    // The mark can be read soon after a start, not at once: the limit only bounds a failure.
    pid_t expect_one(ProcessLauncher& launcher, DeviceKind kind)
    {
        auto found = processes(launcher);
        for (int i = 0; i < 1000 && found.empty(); ++i) {
            ::usleep(10'000);
            found = processes(launcher);
        }
        EXPECT_EQ(found.size(), 1u);
        EXPECT_TRUE(found.empty() || found.front().kind == kind);
        return found.empty() ? -1 : found.front().pid;
    }

    static std::string command_line(pid_t pid)
    {
        std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
        return {std::istreambuf_iterator<char>(file), {}};
    }

    // Microseconds; -1: nothing was said.
    int told_to_watch(ProcessLauncher& launcher, DeviceKind kind)
    {
        constexpr std::string_view kName = "--poll-us=";
        EXPECT_TRUE(launcher.start(uuid, kind, DomId{7}));
        const std::string line = command_line(expect_one(launcher, kind));
        EXPECT_TRUE(launcher.end(uuid, kind, milliseconds{0}));
        const auto at = line.find(kName);
        return at == std::string::npos ? -1 : std::stoi(line.substr(at + kName.size()));
    }

    rpc::Uuid uuid = rpc::random_uuid();
    std::string directory;
};

TEST_F(LauncherLifeTest, AProcessIsFoundByItsMarkUntilItIsEnded)
{
    ProcessLauncher launcher{options()};
    ASSERT_TRUE(launcher.start(uuid, DeviceKind::nic, DomId{7}));
    expect_one(launcher, DeviceKind::nic);
    ASSERT_TRUE(launcher.end(uuid, DeviceKind::disk, milliseconds{0}));
    expect_one(launcher, DeviceKind::nic);
    ASSERT_TRUE(launcher.end(uuid, DeviceKind::nic, milliseconds{0}));
    EXPECT_TRUE(processes(launcher).empty());
    EXPECT_TRUE(fs::is_empty(directory)) << "the socket goes with it";
    EXPECT_TRUE(launcher.end(uuid, DeviceKind::nic, milliseconds{0})) << "once more does no harm";
}

TEST_F(LauncherLifeTest, ANewProcessReplacesTheOldOne)
{
    ProcessLauncher launcher{options()};
    ASSERT_TRUE(launcher.start(uuid, DeviceKind::disk, DomId{7}));
    const pid_t before = expect_one(launcher, DeviceKind::disk);
    ASSERT_TRUE(launcher.start(uuid, DeviceKind::disk, DomId{8}));
    EXPECT_NE(expect_one(launcher, DeviceKind::disk), before);
}

TEST_F(LauncherLifeTest, WhereEventsAreHeardMattersWithSeveralProcessorsOnly)
{
    const DomId domain{7};
    const EventPort port{15};
    EXPECT_FALSE(ProcessLauncher{options()}.hearing(domain, port));
    LauncherOptions knows = options();
    knows.hearing = [](DomId, EventPort at) { return Outcome<std::uint32_t>{at.value * 100}; };
    ProcessLauncher launcher{knows};
    const bool several = std::thread::hardware_concurrency() > 1;
    EXPECT_EQ(launcher.hearing(domain, EventPort{5}), several ? std::optional{500U} : std::nullopt);
    EXPECT_FALSE(launcher.hearing(domain, port)) << "more than the process would believe";
    knows.hearing = [](DomId, EventPort) {
        return Outcome<std::uint32_t>{Error{Code::not_found, "gone", {}}};
    };
    EXPECT_FALSE(ProcessLauncher{knows}.hearing(domain, port));
}

TEST_F(LauncherLifeTest, OnlyADisksProcessIsToldOfItsEngine)
{
    LauncherOptions chosen = options();
    chosen.disk_engine = "io_uring";
    ProcessLauncher launcher{chosen};
    for (const DeviceKind kind : {DeviceKind::disk, DeviceKind::nic}) {
        ASSERT_TRUE(launcher.start(uuid, kind, DomId{7}));
        const pid_t pid = expect_one(launcher, kind);
        const std::string line = command_line(pid);
        EXPECT_NE(line.find("--domain=7"), std::string::npos) << line;
        EXPECT_EQ(line.find("--engine=io_uring") != std::string::npos, kind == DeviceKind::disk);
        ASSERT_TRUE(launcher.end(uuid, kind, milliseconds{0}));
    }
}

TEST_F(LauncherLifeTest, AProcessWatchesRingsAsLongAsItIsTold)
{
    LauncherOptions chosen = options();
    chosen.watch = std::chrono::microseconds{0};
    ProcessLauncher launcher{chosen};
    EXPECT_EQ(told_to_watch(launcher, DeviceKind::disk), 0);
    EXPECT_EQ(told_to_watch(launcher, DeviceKind::nic), 0);
}

TEST_F(LauncherLifeTest, OrADisksAsSuitsTheMachine)
{
    ProcessLauncher launcher{options()};
    const int disk = told_to_watch(launcher, DeviceKind::disk);
    EXPECT_TRUE(disk >= 100 && disk <= 5000) << disk;
    EXPECT_EQ(told_to_watch(launcher, DeviceKind::nic), 100);
}

TEST_F(LauncherLifeTest, AProcessThatHasBarelyBegunIsEndedToo)
{
    ProcessLauncher launcher{options()};
    for (int i = 0; i < 50; ++i) {
        ASSERT_TRUE(launcher.start(uuid, DeviceKind::disk, DomId{7}));
        ASSERT_TRUE(launcher.end(uuid, DeviceKind::disk, milliseconds{0}));
    }
    EXPECT_TRUE(processes(launcher).empty());
}

TEST_F(LauncherLifeTest, TheNextDaemonEndsWhatAnEarlierOneStarted)
{
    ProcessLauncher earlier{options()};
    ASSERT_TRUE(earlier.start(uuid, DeviceKind::disk, DomId{7}));
    expect_one(earlier, DeviceKind::disk);
    ProcessLauncher next{options()};
    ASSERT_TRUE(next.end(uuid, DeviceKind::disk, milliseconds{0}));
    EXPECT_TRUE(processes(next).empty());
}

TEST_F(LauncherLifeTest, AProcessMayBeTheFirstOfAPidNamespaceOfItsOwn)
{
    const auto space_of = [](const std::string& process) {
        std::error_code failure;
        return fs::read_symlink("/proc/" + process + "/ns/pid", failure).string();
    };
    LauncherOptions isolated = options();
    isolated.pid_namespaces = true;
    ProcessLauncher launcher{isolated};
    const auto started = launcher.start(uuid, DeviceKind::disk, DomId{7});
    if (!started && ::geteuid() != 0)
        GTEST_SKIP() << "only root makes PID namespaces";
    ASSERT_TRUE(started) << describe(started.error());
    const pid_t pid = expect_one(launcher, DeviceKind::disk);
    const std::string theirs = space_of(std::to_string(pid));
    EXPECT_FALSE(theirs.empty());
    EXPECT_NE(theirs, space_of("self"));
    ASSERT_TRUE(launcher.end(uuid, DeviceKind::disk, milliseconds{0}));
    EXPECT_TRUE(processes(launcher).empty());
    // What is started afterwards is where it always was.
    ProcessLauncher plain{options()};
    ASSERT_TRUE(plain.start(uuid, DeviceKind::disk, DomId{7}));
    EXPECT_EQ(space_of(std::to_string(expect_one(plain, DeviceKind::disk))), space_of("self"));
}

TEST_F(LauncherLifeTest, WhatDiedByItselfIsForgotten)
{
    ProcessLauncher launcher{options()};
    ASSERT_TRUE(launcher.start(uuid, DeviceKind::disk, DomId{7}));
    const pid_t pid = expect_one(launcher, DeviceKind::disk);
    ASSERT_GT(pid, 0);
    ::kill(pid, SIGKILL);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);
    EXPECT_TRUE(processes(launcher).empty());
    ASSERT_TRUE(launcher.start(uuid, DeviceKind::disk, DomId{7}));
    expect_one(launcher, DeviceKind::disk);
}

} // namespace
} // namespace zocalo::toolstack
