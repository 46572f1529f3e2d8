// SPDX-License-Identifier: Apache-2.0
#include "backends/common/token_bucket.hpp"

#include <gtest/gtest.h>

namespace zocalo::backend {
namespace {

using namespace std::chrono_literals;

struct TokenBucketTest : testing::Test {
    TokenBucket::Clock::time_point now = TokenBucket::Clock::now();
    // Takes `each` as often as it may within `time`, waiting as told; the sum.
    std::uint64_t taken(TokenBucket& bucket, std::uint64_t each, std::chrono::milliseconds time)
    {
        const auto end = now + time;
        std::uint64_t sum = 0;
        while (now < end) {
            if (bucket.ready(now)) {
                bucket.take(each);
                sum += each;
            } else {
                now += bucket.wait();
            }
        }
        return sum;
    }
};

TEST_F(TokenBucketTest, WithoutARateEverythingPasses)
{
    TokenBucket bucket;
    for (int i = 0; i < 1000; ++i) {
        ASSERT_TRUE(bucket.ready(now));
        bucket.take(1 << 30);
    }
    EXPECT_EQ(bucket.wait(), TokenBucket::Clock::duration{});
}

TEST_F(TokenBucketTest, TheRateIsKeptWhateverTheSizeOfTheRequests)
{
    for (const std::uint64_t each : {1u, 512u, 4096u, 300'000u}) {
        TokenBucket bucket{100'000, 1000, now};
        const std::uint64_t sum = taken(bucket, each, 20s);
        EXPECT_GE(sum, 1'990'000u) << each;
        EXPECT_LE(sum, 2'001'000u + each) << each;
    }
}

TEST_F(TokenBucketTest, ABurstPassesAtOnceAndIsSavedUpAgain)
{
    TokenBucket bucket{1000, 5000, now};
    for (int round = 0; round < 3; ++round) {
        std::uint64_t sum = 0;
        for (; bucket.ready(now); sum += 100)
            bucket.take(100);
        EXPECT_EQ(sum, 5000u);
        now += 60s; // more than the burst is not saved
    }
}

// Or else a slow rate of operations lets one more pass a moment after each burst.
TEST_F(TokenBucketTest, APartOfATokenIsNone)
{
    TokenBucket bucket{1, 2, now};
    for (int i = 0; i < 2; ++i) {
        ASSERT_TRUE(bucket.ready(now));
        bucket.take(1);
    }
    now += 1ms;
    EXPECT_FALSE(bucket.ready(now));
    now += bucket.wait();
    EXPECT_TRUE(bucket.ready(now));
}

TEST_F(TokenBucketTest, ADebtIsWaitedForAndTheWaitIsBounded)
{
    TokenBucket bucket{1000, 10, now};
    EXPECT_TRUE(bucket.ready(now));
    bucket.take(510);
    EXPECT_FALSE(bucket.ready(now));
    EXPECT_NEAR(std::chrono::duration<double>(bucket.wait()).count(), 0.5, 0.01);
    bucket.take(1'000'000);
    EXPECT_LE(bucket.wait(), 1s);
}

TEST_F(TokenBucketTest, CopiesOfALimitShareItsBuckets)
{
    RateLimit one{{}, {10, 4, now}};
    RateLimit other = one;
    EXPECT_FALSE(RateLimit{}.limited());
    EXPECT_TRUE(other.limited());
    one.take(512, 3);
    EXPECT_TRUE(other.ready(now));
    other.take(512, 1);
    EXPECT_FALSE(one.ready(now));
    EXPECT_GT(one.wait(), 0s);
    other = RateLimit{}; // lifted for one only
    EXPECT_TRUE(other.ready(now));
    EXPECT_FALSE(one.ready(now));
}

} // namespace
} // namespace zocalo::backend
