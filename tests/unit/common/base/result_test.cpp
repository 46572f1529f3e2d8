// SPDX-License-Identifier: Apache-2.0
#include "common/base/result.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace zocalo {
namespace {

Result<int> half(int n)
{
    if (n % 2 != 0)
        return Errno::inval;
    return n / 2;
}

Result<int> quarter(int n)
{
    const int once = TRY(half(n));
    return half(once);
}

TEST(Result, HoldsAValueOrAnError)
{
    EXPECT_EQ(*half(4), 2);
    EXPECT_EQ(half(3).error(), Errno::inval);
}

TEST(Result, TryReturnsTheFirstError)
{
    EXPECT_EQ(*quarter(8), 2);
    EXPECT_EQ(quarter(6).error(), Errno::inval);
    EXPECT_EQ(quarter(5).error(), Errno::inval);
}

TEST(Result, MovesWhatCannotBeCopied)
{
    Result<std::unique_ptr<int>> made{std::make_unique<int>(7)};
    std::unique_ptr<int> taken = std::move(made).value();
    EXPECT_EQ(*taken, 7);
}

TEST(Result, AssignmentReplacesAnErrorByAValueAndBack)
{
    Result<std::string> text{Errno::io};
    text = std::string(100, 'x');
    ASSERT_TRUE(text);
    EXPECT_EQ(text->size(), 100U);
    text = Errno::again;
    EXPECT_EQ(text.error(), Errno::again);
}

} // namespace
} // namespace zocalo
