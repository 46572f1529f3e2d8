// SPDX-License-Identifier: Apache-2.0
#include "backends/common/process.hpp"

#include <gtest/gtest.h>

#include <array>
#include <fcntl.h>
#include <linux/capability.h>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <vector>

namespace zocalo::backend {
namespace {

Outcome<Options> parse(std::vector<std::string> words)
{
    std::vector<char*> pointers;
    for (std::string& word : words)
        pointers.push_back(word.data());
    return parse_options(pointers);
}

TEST(Options, AreReadFromTheCommandLine)
{
    auto options = parse(
        {"--domain=7",
         "--listen-fd=10",
         "--evtchn-fd=11",
         "--gntdev-fd=12",
         "--uid=100",
         "--gid=101",
         "--poll-us=60",
         "--gntalloc-fd=13"}
    );
    ASSERT_TRUE(options) << options.error().what;
    EXPECT_EQ(options->domain, DomId{7});
    EXPECT_EQ(options->listen_fd, 10);
    EXPECT_EQ(options->evtchn_fd, 11);
    EXPECT_EQ(options->gntdev_fd, 12);
    EXPECT_EQ(options->uid, 100u);
    EXPECT_EQ(options->gid, 101u);
    EXPECT_EQ(options->poll, std::chrono::microseconds{60});
    EXPECT_EQ(options->gntalloc_fd, 13);
}

TEST(Options, NonsenseIsNamed)
{
    for (const char* word :
         {"--domain=0",
          "--domain=32752",
          "--domain=",
          "--domain=7x",
          "--uid=-1",
          "--uid=4294967295",
          "--poll-us=10001",
          "--gntalloc-fd=x",
          "--what",
          "7"}) {
        auto options = parse({"--domain=7", word});
        ASSERT_FALSE(options) << word;
        EXPECT_EQ(options.error().code, Code::usage);
        EXPECT_NE(options.error().what.find(word), std::string::npos);
    }
    EXPECT_FALSE(parse({}));
}

TEST(Options, OfOneKindAloneAreNonsenseToTheOther)
{
    const auto engine = [](std::string_view word) { return word == "--engine=io_uring"; };
    for (const char* word : {"--engine=io_uring", "--engine=none", "--engine"}) {
        std::string domain = "--domain=7", given = word;
        const std::array arguments{domain.data(), given.data()};
        EXPECT_EQ(bool{parse_options(arguments, engine)}, engine(word)) << word;
        EXPECT_FALSE(parse_options(arguments)) << word;
    }
}

TEST(Descriptors, OneThatWasAnnouncedMustBeOpen)
{
    Options options;
    options.listen_fd = 900;
    auto handed = take_descriptors(options);
    ASSERT_FALSE(handed);
    EXPECT_NE(handed.error().what.find("900"), std::string::npos);
}

// The service has both; root of a container may not, and is refused.
bool may_isolate()
{
    return ::getuid() == 0 && ::prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 1 &&
           ::prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE, 0, 0, 0) == 1;
}

// In a child, since there is no way back. Exit codes name the first thing that is wrong.
int rights_after_drop()
{
    Options options;
    if (::getuid() == 0)
        options.uid = options.gid = 65534;
    const int status = ::open("/proc/self/status", O_RDONLY); // while there is a /proc
    const bool root = may_isolate();
    if (!root && ::getuid() == 0) {
        if (drop_rights(options, 64) || ::setresuid(options.uid, options.uid, options.uid) != 0)
            return 8;
        options.uid = 0; // as if the supervisor had chosen it
    }
    if (!drop_rights(options, 64))
        return 1;
    if (root && (::access("/proc", F_OK) == 0 || ::access("/etc", F_OK) == 0))
        return 7;
    if (::getuid() == 0 || ::setuid(0) == 0)
        return 2;
    if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
        return 3;
    // Plain reads: an undumpable process with few descriptors is more than the sanitizers can bear.
    std::string text(4096, '\0');
    if (::read(status, text.data(), text.size()) <= 0)
        return 6;
    const auto none = [&text](const char* set) {
        return text.find(std::string{set} + ":\t0000000000000000") != std::string::npos;
    };
    if (!none("CapEff") || !none("CapPrm") || !none("CapInh") || !none("CapAmb"))
        return 4;
    for (int i = 0; i < 64; ++i)
        if (::dup(0) < 0)
            return 0;
    return 5;
}

TEST(Rights, AreGoneForGood)
{
    const pid_t child = ::fork();
    if (child == 0)
        ::_exit(rights_after_drop());
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
    if (!may_isolate())
        GTEST_SKIP() << "only root with CAP_SYS_ADMIN and CAP_SYS_RESOURCE: the empty root folder";
}

} // namespace
} // namespace zocalo::backend
