// SPDX-License-Identifier: Apache-2.0
#include "backends/common/sandbox.hpp"
#include "backends/common/worker.hpp"

#include <gtest/gtest.h>

#include <future>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

namespace zocalo::backend {
namespace {

// In a child, since there is no way back: 0 when the thread did a task under the list of calls.
int works_when_limited_at_once()
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(::sched_getcpu(), &one);
    if (::sched_setaffinity(0, sizeof one, &one) != 0)
        return 1;
    // The new thread comes last wherever the scheduler has a choice.
    Worker worker;
    if (!allow_only({}, {}))
        return 2;
    std::promise<int> done;
    worker.run([&done] { done.set_value(0); });
    return done.get_future().get();
}

TEST(Worker, IsWholeBeforeTheProcessMayNotMakeThreadsAnyMore)
{
#ifdef ZOCALO_SANITIZED
    GTEST_SKIP() << "the sanitizer's own system calls (pipe2, to probe memory) are not on the list";
#endif
    for (int round = 0; round < 50; ++round) {
        const pid_t child = ::fork();
        if (child == 0)
            ::_exit(works_when_limited_at_once());
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_EQ(status, 0) << "in round " << round;
    }
}

} // namespace
} // namespace zocalo::backend
