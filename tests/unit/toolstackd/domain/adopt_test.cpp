// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/domain/invariants.hpp"

#include <gmock/gmock.h>

namespace zocalo::toolstack::testing {
namespace {

using rpc::DomainState;
using rpc::OpState;
using ::testing::IsEmpty;

// Domains that another toolstack has made.
struct Adopt : ::testing::Test {
    Harness h;
    void SetUp() override { h.start(); }
    void TearDown() override
    {
        h.settle();
        EXPECT_THAT(broken_invariants(h), IsEmpty());
    }
};

TEST_F(Adopt, AForeignDomainIsListedAndCanBeAdopted)
{
    const DomId domid = h.world.add_foreign("theirs");
    h.wait(20'000);
    ASSERT_TRUE(h.domain("theirs"));
    EXPECT_EQ(h.domain("theirs")->ownership, rpc::Ownership::foreign);
    EXPECT_EQ(h.change(request("adopt", "theirs")).state, OpState::done);
    EXPECT_EQ(h.domain("theirs")->ownership, rpc::Ownership::managed);
    h.world.guests[domid].foreign = false;
}

TEST_F(Adopt, AnAdoptedDomainsBackendsOfTheKernelAreClosedAndItsLoopDeviceIsFreed)
{
    const DomId domid = h.world.add_foreign("theirs");
    const std::string backend =
        "/local/domain/0/backend/vbd/" + std::to_string(domid.value) + "/51712/";
    h.world.nodes[backend + "state"] = "4";
    h.world.nodes[backend + "params"] = "/srv/a.img";
    h.world.nodes[backend + "node"] = "/dev/loop7";
    h.wait(20'000);
    ASSERT_EQ(h.change(request("adopt", "theirs")).state, OpState::done);
    h.world.guests[domid].foreign = false;
    h.world.may_destroy.insert(h.world.guests[domid].live.handle);
    EXPECT_EQ(h.change(request("destroy", "theirs")).state, OpState::done);
    EXPECT_EQ(h.domain("theirs")->state, DomainState::stopped);
    EXPECT_EQ(h.world.freed_loops, std::vector<std::string>{"/dev/loop7 /srv/a.img"});
    EXPECT_FALSE(h.world.nodes.contains(backend + "state"));
}

} // namespace
} // namespace zocalo::toolstack::testing
