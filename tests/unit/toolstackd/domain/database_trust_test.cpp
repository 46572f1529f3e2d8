// SPDX-License-Identifier: Apache-2.0
// A daemon whose database cannot be trusted, and one whose database cannot be written.
#include "tests/unit/toolstackd/domain/invariants.hpp"

#include <gmock/gmock.h>
#include <xen/sched.h>
#include <xen/xen.h>

namespace zocalo::toolstack::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

rpc::FindingView first_finding(Harness& h)
{
    auto findings = h.run(h.layer->doctor());
    return (*findings)->front();
}

TEST(ReadOnly, ShowsWhatRunsAndChangesNothing)
{
    Harness h;
    h.start();
    h.change(create_request(small_config("web")));
    h.world.add_foreign("theirs");
    const auto nodes = h.world.nodes;
    const auto commits = h.db->commits();
    h.read_only = "the database is older";
    h.restart();
    h.world.shut_down(rpc::parse_uuid(h.domain("web")->uuid).value(), SHUTDOWN_crash);
    h.wait(60'000);
    EXPECT_EQ(h.domain("web")->state, rpc::DomainState::crashed);
    EXPECT_TRUE(h.domain("theirs"));
    for (const char* verb : {"destroy", "pause", "adopt"}) {
        const auto op = h.change(request(verb, "web"));
        EXPECT_EQ(op.error_code, "conflict") << verb;
        EXPECT_THAT(op.error, HasSubstr("read-only: the database is older"));
    }
    EXPECT_EQ(h.change(create_request(small_config("new"))).error_code, "conflict");
    EXPECT_THAT(first_finding(h).text, HasSubstr("nothing can be changed: the database is older"));
    EXPECT_EQ(h.db->commits(), commits);
    EXPECT_EQ(h.world.nodes, nodes);
    h.read_only.clear();
    h.restart();
    h.settle();
    EXPECT_THAT(broken_invariants(h), IsEmpty());
}

TEST(FullDisk, StepsWaitForRoomAndDoctorSaysSo)
{
    Harness h;
    h.start();
    h.change(create_request(small_config("web"), true));
    ASSERT_TRUE(h.db->limit_pages(1)); // SQLITE_FULL for whatever needs a new page
    auto big = small_config("big");
    for (char disk = 'b'; disk < 'f'; ++disk) { // more than any page holds
        big.disks.push_back(big.disks.front());
        big.disks.back().vdev = std::string("xvd") + disk;
        big.disks.back().target = "/images/" + std::string(2'000, disk);
    }
    const auto refused = h.submit(create_request(big));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().what, HasSubstr("full"));
    EXPECT_THAT(refused.error().next, HasSubstr("make room"));
    EXPECT_THAT(first_finding(h).text, HasSubstr("could not be written"));
    EXPECT_FALSE(h.domain("big"));
    EXPECT_EQ(h.domain("web")->state, rpc::DomainState::running);
    ASSERT_TRUE(h.db->limit_pages(100'000));
    EXPECT_EQ(h.change(create_request(big)).state, rpc::OpState::done);
    h.settle();
    EXPECT_THAT(broken_invariants(h), IsEmpty());
}

TEST(ConsoleIndex, AConsoleIsFoundByTheNameOfADomainThatIsGone)
{
    Harness h;
    h.start();
    h.change(create_request(small_config("web")));
    const auto id = rpc::parse_uuid(h.domain("web")->uuid).value();
    h.world.may_destroy.insert(id);
    h.change(request("destroy", "web"));
    EXPECT_FALSE(h.domain("web"));
    h.restart();
    const auto found = h.run(h.layer->resolve("web"));
    ASSERT_TRUE(found && *found);
    EXPECT_EQ(**found, id);
    EXPECT_FALSE(*h.run(h.layer->resolve("never")));
}

} // namespace
} // namespace zocalo::toolstack::testing
