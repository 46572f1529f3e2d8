// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/device/launcher.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sys/wait.h>

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
            .scopes = false};
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
    // The mark is there once the program has been executed.
    void expect_one(ProcessLauncher& launcher, DeviceKind kind)
    {
        const auto found = processes(launcher);
        ASSERT_EQ(found.size(), 1u);
        EXPECT_EQ(found.front().kind, kind);
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
    const auto before = processes(launcher);
    ASSERT_TRUE(launcher.start(uuid, DeviceKind::disk, DomId{8}));
    const auto after = processes(launcher);
    ASSERT_EQ(before.size(), 1u);
    ASSERT_EQ(after.size(), 1u);
    EXPECT_NE(before.front().pid, after.front().pid);
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

TEST_F(LauncherLifeTest, WhatDiedByItselfIsForgotten)
{
    ProcessLauncher launcher{options()};
    ASSERT_TRUE(launcher.start(uuid, DeviceKind::disk, DomId{7}));
    const auto found = processes(launcher);
    ASSERT_EQ(found.size(), 1u);
    ::kill(found.front().pid, SIGKILL);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(found.front().pid), &info, WEXITED | WNOWAIT);
    EXPECT_TRUE(processes(launcher).empty());
    ASSERT_TRUE(launcher.start(uuid, DeviceKind::disk, DomId{7}));
    expect_one(launcher, DeviceKind::disk);
}

} // namespace
} // namespace zocalo::toolstack
