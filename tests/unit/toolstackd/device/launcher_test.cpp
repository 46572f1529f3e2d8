// SPDX-License-Identifier: Apache-2.0
// Finding and ending backend processes with no more rights than the daemon's unit leaves it.
#include "toolstackd/device/launcher.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace zocalo::toolstack {
namespace {

constexpr uid_t kStranger = 65533;

// The unit keeps CAP_SYS_PTRACE from the daemon; without it a process of another user hides its
// program's file. No change for who never had it.
void drop_ptrace()
{
    __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> rights{};
    ASSERT_EQ(::syscall(SYS_capget, &head, rights.data()), 0);
    for (auto* set : {&rights[0].effective, &rights[0].permitted})
        *set &= ~(1U << CAP_SYS_PTRACE);
    ASSERT_EQ(::syscall(SYS_capset, &head, rights.data()), 0);
}

struct LauncherTest : ::testing::Test {
    LauncherTest()
    {
        drop_ptrace();
        options.directory = ::testing::TempDir();
        options.uid = ::geteuid() == 0 ? 65534 : ::geteuid();
    }
    ~LauncherTest() override
    {
        for (const pid_t child : children) {
            ::kill(child, SIGKILL);
            ::waitpid(child, nullptr, 0);
        }
    }
    // A process that calls itself this domain's disk backend.
    pid_t play_backend(uid_t user)
    {
        int ready[2];
        EXPECT_EQ(::pipe2(ready, O_CLOEXEC), 0);
        const std::string name = "zocalo-blkback@" + rpc::text(uuid);
        const pid_t child = ::fork();
        if (child == 0) {
            if (user != ::geteuid() && ::setuid(user) != 0)
                ::_exit(1);
            ::execl("/bin/sleep", name.c_str(), "600", nullptr);
            ::_exit(127);
        }
        ::close(ready[1]);
        char nothing{};
        EXPECT_EQ(::read(ready[0], &nothing, 1), 0); // closed by exec
        ::close(ready[0]);
        children.push_back(child);
        return child;
    }
    bool found(pid_t pid)
    {
        const auto all = ProcessLauncher{options}.find();
        EXPECT_TRUE(all);
        return std::ranges::any_of(*all, [pid](const auto& process) { return process.pid == pid; });
    }

    LauncherOptions options;
    rpc::Uuid uuid = rpc::random_uuid();
    std::vector<pid_t> children;
};

TEST_F(LauncherTest, FindsAndEndsABackendOfAnotherUserWithoutRightsToTraceIt)
{
    const pid_t pid = play_backend(options.uid);
    ASSERT_TRUE(found(pid));
    const auto ended =
        ProcessLauncher{options}.end(uuid, DeviceKind::disk, std::chrono::milliseconds{0});
    EXPECT_TRUE(ended);
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, WNOHANG), pid);
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
    children.clear();
}

TEST_F(LauncherTest, DoesNotBelieveTheNameOfAStrangersProcess)
{
    // Who is not root cannot start a stranger's process: then what he finds is his own only.
    const pid_t pid = ::geteuid() == 0 ? play_backend(kStranger) : ::getppid();
    EXPECT_FALSE(found(pid));
}

} // namespace
} // namespace zocalo::toolstack
