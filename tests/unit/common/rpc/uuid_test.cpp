// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/uuid.hpp"

#include <gtest/gtest.h>

namespace zocalo::rpc {
namespace {

TEST(Uuid, TextSurvivesTheRoundTrip)
{
    const std::string canonical = "01234567-89ab-cdef-0123-456789abcdef";
    EXPECT_EQ(text(*parse_uuid(canonical)), canonical);
    EXPECT_EQ(text(*parse_uuid("01234567-89AB-CDEF-0123-456789ABCDEF")), canonical);
    const Uuid one = random_uuid();
    EXPECT_EQ(*parse_uuid(text(one)), one);
    EXPECT_NE(random_uuid(), one);
}

TEST(Uuid, AnythingElseIsRefused)
{
    EXPECT_FALSE(parse_uuid(""));
    EXPECT_FALSE(parse_uuid("01234567-89ab-cdef-0123-456789abcde"));
    EXPECT_FALSE(parse_uuid("01234567-89ab-cdef-0123-456789abcdeg"));
    EXPECT_FALSE(parse_uuid("0123456789ab-cdef-0123-456789abcdef-"));
}

} // namespace
} // namespace zocalo::rpc
