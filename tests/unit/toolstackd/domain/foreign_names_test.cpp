// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/domain/harness.hpp"
#include "toolstackd/domain/foreign_names.hpp"

#include <gtest/gtest.h>

namespace zocalo::toolstack {
namespace {

using namespace testing;

class ForeignNamesTest : public ::testing::Test {
  protected:
    std::string name(DomId domid)
    {
        auto told = h.run(names.of(h.world.guests[domid].live));
        return told && *told ? **told : "error";
    }
    // What asking once more costs.
    std::uint64_t cost(DomId domid)
    {
        const std::uint64_t before = h.world.requests;
        name(domid);
        return h.world.requests - before;
    }
    void rename(DomId domid, const std::string& to)
    {
        const std::string path = "/local/domain/" + std::to_string(domid.value) + "/name";
        h.world.nodes[path] = to;
        h.world.fire(path);
        h.wait(1);
    }

    Harness h;
    std::unique_ptr<Store> store = make_fake_store(h.world);
    ForeignNames names{*store};
};

TEST_F(ForeignNamesTest, ANameIsAskedForOnceAndThenKnown)
{
    const DomId domid = h.world.add_foreign("theirs");
    EXPECT_EQ(name(domid), "theirs");
    h.wait(1); // the watch's first call
    name(domid);
    EXPECT_EQ(cost(domid), 0u);
}

TEST_F(ForeignNamesTest, ARenameIsSeen)
{
    const DomId domid = h.world.add_foreign("theirs");
    name(domid);
    rename(domid, "other");
    EXPECT_EQ(name(domid), "other");
    EXPECT_EQ(cost(domid), 0u);
}

TEST_F(ForeignNamesTest, ANewOwnerOfADomidHasANewName)
{
    const DomId domid = h.world.add_foreign("theirs");
    name(domid);
    h.world.nodes["/local/domain/" + std::to_string(domid.value) + "/name"] = "next";
    h.world.guests[domid].live.handle = h.world.seeded_uuid();
    EXPECT_EQ(name(domid), "next");
}

TEST_F(ForeignNamesTest, WhatIsGoneIsNotWatched)
{
    const DomId domid = h.world.add_foreign("theirs");
    const std::size_t before = h.world.watches.size();
    name(domid);
    EXPECT_EQ(h.world.watches.size(), before + 1);
    const std::vector<LiveDomain> still{h.world.guests[domid].live};
    names.keep(still);
    EXPECT_EQ(h.world.watches.size(), before + 1);
    names.keep({});
    EXPECT_EQ(h.world.watches.size(), before);
}

TEST_F(ForeignNamesTest, WithoutXenstoreNothingIsMadeUp)
{
    const DomId domid = h.world.add_foreign("theirs");
    name(domid);
    h.wait(1);
    h.world.store_up = false;
    EXPECT_EQ(name(domid), "error");
    h.world.store_up = true;
    EXPECT_EQ(name(domid), "theirs");
}

} // namespace
} // namespace zocalo::toolstack
