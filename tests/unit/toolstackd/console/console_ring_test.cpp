// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/console/console_ring.hpp"

#include <gtest/gtest.h>
#include <xen/io/console.h>

#include <random>

namespace zocalo::toolstack {
namespace {

class Ring : public testing::Test {
  protected:
    void guest_writes(std::string_view text)
    {
        for (const char c : text)
            page.out[MASK_XENCONS_IDX(page.out_prod++, page.out)] = c;
    }
    xencons_interface page{};
    ConsoleRing ring{page};
    std::string output;
};

TEST_F(Ring, OutputIsTakenOnceAndItsPlaceFreed)
{
    guest_writes("hello");
    EXPECT_EQ(ring.take_output(output).value(), 5u);
    EXPECT_EQ(output, "hello");
    EXPECT_EQ(page.out_cons, 5u);
    EXPECT_EQ(ring.take_output(output).value(), 0u);
}

TEST_F(Ring, IndicesWrapAroundTheRingAndAroundTheirType)
{
    page.out_cons = page.out_prod = 0xffff'fffeu;
    guest_writes("abcd");
    EXPECT_EQ(ring.take_output(output).value(), 4u);
    EXPECT_EQ(output, "abcd");
    EXPECT_EQ(page.out_cons, 2u);
}

TEST_F(Ring, AFullRingIsFine)
{
    guest_writes(std::string(sizeof page.out, 'x'));
    EXPECT_EQ(ring.take_output(output).value(), sizeof page.out);
}

TEST_F(Ring, AProducerThatIsAheadByMoreThanTheRingLies)
{
    for (const std::uint32_t ahead : {2049u, 0x8000'0000u, 0xffff'ffffu}) {
        page.out_prod = page.out_cons + ahead;
        EXPECT_EQ(ring.take_output(output).error(), Errno::inval) << ahead;
        EXPECT_TRUE(output.empty());
    }
}

TEST_F(Ring, InputStopsWhenTheGuestDoesNotTakeIt)
{
    const std::string paste(3000, 'p');
    EXPECT_EQ(ring.put_input(paste).value(), sizeof page.in);
    EXPECT_EQ(ring.put_input(paste).value(), 0u);
    page.in_cons += 100;
    EXPECT_EQ(ring.put_input(paste).value(), 100u);
}

TEST_F(Ring, AConsumerThatIsAheadLies)
{
    page.in_cons = 1;
    EXPECT_EQ(ring.put_input("x").error(), Errno::inval);
    page.in_cons = page.in_prod - 1025;
    EXPECT_EQ(ring.put_input("x").error(), Errno::inval);
}

TEST_F(Ring, WildIndicesNeverMakeItTouchMoreThanThePage)
{
    std::mt19937 engine{1}; // fixed: the same run every time
    const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
    for (int i = 0; i < 100'000; ++i) {
        page.out_cons = random();
        page.out_prod = i % 2 ? random() : page.out_cons + random() % 2100;
        page.in_cons = random();
        page.in_prod = i % 2 ? random() : page.in_cons + random() % 1100;
        output.clear();
        const auto taken = ring.take_output(output);
        EXPECT_LE(output.size(), sizeof page.out);
        EXPECT_TRUE(!taken || page.out_cons == page.out_prod);
        static_cast<void>(ring.put_input("some input"));
    }
}

} // namespace
} // namespace zocalo::toolstack
