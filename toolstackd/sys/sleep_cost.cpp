// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/sleep_cost.hpp"

#include "common/posix/unique_fd.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/eventfd.h>
#include <system_error>
#include <thread>

namespace zocalo::toolstack {
namespace {

using std::chrono::microseconds;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kRounds = 15;

// Between two requests a guest has its turn, which takes some sleeps on any machine.
constexpr int kSleepsWatched = 10;
// Below: what a disk or a guest takes on hardware. Above: other rings of the process would notice.
constexpr microseconds kShortest{100}, kLongest{5000};

void wait_for(int event)
{
    eventfd_t count = 0;
    while (::eventfd_read(event, &count) != 0 && errno == EINTR)
        continue;
}

} // namespace

microseconds sleep_cost()
{
    const UniqueFd there{::eventfd(0, EFD_CLOEXEC)}, back{::eventfd(0, EFD_CLOEXEC)};
    if (!there || !back)
        return {};
    std::array<Clock::duration, kRounds> took{};
    try {
        const std::jthread other{[&] {
            for (std::size_t i = 0; i < kRounds; ++i) {
                wait_for(there.get());
                ::eventfd_write(back.get(), 1);
            }
        }};
        for (Clock::duration& round : took) {
            const Clock::time_point start = Clock::now();
            ::eventfd_write(there.get(), 1);
            wait_for(back.get());
            round = Clock::now() - start;
        }
    } catch (const std::system_error&) { // no thread to be had
        return {};
    }
    std::ranges::nth_element(took, took.begin() + kRounds / 2);
    return std::chrono::duration_cast<microseconds>(took[kRounds / 2]);
}

microseconds watch_length(microseconds sleep_cost)
{
    return std::clamp(kSleepsWatched * sleep_cost, kShortest, kLongest);
}

} // namespace zocalo::toolstack
