// SPDX-License-Identifier: Apache-2.0
#include "common/xen-proto/backend_fsm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace zocalo::xen {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = BackendEventKind;
using Act = BackendActionKind;
using Phase = BackendFsm::Phase;
using Actions = std::vector<BackendAction>;

BackendAction act(Act kind)
{
    return {kind};
}
BackendAction own(xenbus_state state)
{
    return {Act::set_state, state};
}

Actions list(const BackendActions& actions)
{
    return {actions.begin(), actions.end()};
}

struct BackendFsmTest : testing::Test {
    BackendFsm fsm;
    Actions on(Kind kind) { return list(fsm.on({kind})); }
    Actions front(xenbus_state state) { return list(fsm.on({Kind::frontend_state, state})); }
    void connect()
    {
        on(Kind::prepared);
        front(XenbusStateInitialised);
        on(Kind::connected);
        front(XenbusStateConnected);
        ASSERT_EQ(fsm.phase(), Phase::connected);
    }
};

TEST_F(BackendFsmTest, ConnectsInTheOrderFrontendsExpect)
{
    EXPECT_THAT(
        on(Kind::prepared), ElementsAre(act(Act::publish_features), own(XenbusStateInitWait))
    );
    EXPECT_THAT(front(XenbusStateInitialising), IsEmpty());
    EXPECT_THAT(front(XenbusStateInitialised), ElementsAre(act(Act::connect)));
    EXPECT_THAT(
        on(Kind::connected), ElementsAre(act(Act::publish_connected), own(XenbusStateConnected))
    );
    EXPECT_THAT(front(XenbusStateConnected), IsEmpty());
    EXPECT_EQ(fsm.phase(), Phase::connected);
}

TEST_F(BackendFsmTest, ConnectsAFrontendThatSkipsInitialised)
{
    on(Kind::prepared);
    EXPECT_THAT(front(XenbusStateConnected), ElementsAre(act(Act::connect)));
}

TEST_F(BackendFsmTest, ConnectsAFrontendThatWasReadyBeforeTheDevice)
{
    EXPECT_THAT(front(XenbusStateInitialised), IsEmpty());
    EXPECT_THAT(
        on(Kind::prepared),
        ElementsAre(act(Act::publish_features), own(XenbusStateInitWait), act(Act::connect))
    );
}

TEST_F(BackendFsmTest, ServesUntilClosedAndTellsClosedOnlyAfterUnmapping)
{
    connect();
    EXPECT_THAT(front(XenbusStateClosing), ElementsAre(own(XenbusStateClosing)));
    EXPECT_THAT(front(XenbusStateClosed), ElementsAre(act(Act::disconnect)));
    EXPECT_EQ(fsm.own_state(), XenbusStateClosing);
    EXPECT_THAT(on(Kind::disconnected), ElementsAre(own(XenbusStateClosed)));
    EXPECT_EQ(fsm.phase(), Phase::closed);
}

TEST_F(BackendFsmTest, ReconnectsWhenTheFrontendStartsAgain)
{
    connect();
    front(XenbusStateClosing);
    front(XenbusStateClosed);
    on(Kind::disconnected);
    EXPECT_THAT(
        front(XenbusStateInitialising),
        ElementsAre(act(Act::publish_features), own(XenbusStateInitWait))
    );
    EXPECT_THAT(front(XenbusStateInitialised), ElementsAre(act(Act::connect)));
    EXPECT_THAT(
        on(Kind::connected), ElementsAre(act(Act::publish_connected), own(XenbusStateConnected))
    );
}

TEST_F(BackendFsmTest, ReconnectsWhenTheIntermediateStatesWereNotSeen)
{
    connect();
    EXPECT_THAT(
        front(XenbusStateInitialising), ElementsAre(own(XenbusStateClosing), act(Act::disconnect))
    );
    EXPECT_THAT(
        on(Kind::disconnected),
        ElementsAre(own(XenbusStateClosed), act(Act::publish_features), own(XenbusStateInitWait))
    );
}

TEST_F(BackendFsmTest, AFrontendThatReturnsDuringADisconnectWaitsForItsEnd)
{
    connect();
    front(XenbusStateClosed);
    EXPECT_THAT(front(XenbusStateInitialising), IsEmpty());
    EXPECT_THAT(front(XenbusStateInitialised), IsEmpty());
    EXPECT_THAT(
        on(Kind::disconnected),
        ElementsAre(
            own(XenbusStateClosed),
            act(Act::publish_features),
            own(XenbusStateInitWait),
            act(Act::connect)
        )
    );
}

TEST_F(BackendFsmTest, AFrontendThatClosesWhileConnectingIsDisconnected)
{
    on(Kind::prepared);
    front(XenbusStateInitialised);
    EXPECT_THAT(
        front(XenbusStateClosed), ElementsAre(own(XenbusStateClosing), act(Act::disconnect))
    );
    EXPECT_THAT(on(Kind::connected), IsEmpty()); // the answer to the abandoned connect
    EXPECT_THAT(on(Kind::disconnected), ElementsAre(own(XenbusStateClosed)));
}

TEST_F(BackendFsmTest, ClosingWhileConnectingNeverPublishesConnected)
{
    on(Kind::prepared);
    front(XenbusStateInitialised);
    EXPECT_THAT(front(XenbusStateClosing), ElementsAre(own(XenbusStateClosing)));
    EXPECT_THAT(on(Kind::connected), IsEmpty());
    EXPECT_EQ(fsm.own_state(), XenbusStateClosing);
    EXPECT_THAT(front(XenbusStateClosed), ElementsAre(act(Act::disconnect)));
}

TEST_F(BackendFsmTest, AFailedConnectIsReportedAndCanBeTriedAgain)
{
    on(Kind::prepared);
    front(XenbusStateInitialised);
    EXPECT_THAT(
        on(Kind::connect_failed), ElementsAre(act(Act::report_error), own(XenbusStateClosing))
    );
    EXPECT_THAT(front(XenbusStateClosed), ElementsAre(own(XenbusStateClosed)));
    EXPECT_THAT(
        front(XenbusStateInitialising),
        ElementsAre(act(Act::publish_features), own(XenbusStateInitWait))
    );
}

TEST_F(BackendFsmTest, AStoppedDeviceAsksTheFrontendToClose)
{
    connect();
    EXPECT_THAT(on(Kind::failed), ElementsAre(act(Act::report_error), own(XenbusStateClosing)));
    EXPECT_THAT(front(XenbusStateClosed), ElementsAre(act(Act::disconnect)));
    EXPECT_THAT(on(Kind::disconnected), ElementsAre(own(XenbusStateClosed)));
}

TEST_F(BackendFsmTest, ReconfiguresWhileConnectedAndComesBack)
{
    connect();
    EXPECT_THAT(
        front(XenbusStateReconfiguring),
        ElementsAre(act(Act::reconfigure), own(XenbusStateReconfigured))
    );
    EXPECT_THAT(front(XenbusStateReconfiguring), IsEmpty());
    EXPECT_THAT(
        front(XenbusStateConnected), ElementsAre(act(Act::reconfigure), own(XenbusStateConnected))
    );
    EXPECT_EQ(fsm.phase(), Phase::connected);
}

TEST_F(BackendFsmTest, ReconfiguringBeforeAConnectionMeansNothing)
{
    on(Kind::prepared);
    EXPECT_THAT(front(XenbusStateReconfiguring), IsEmpty());
    EXPECT_THAT(front(XenbusStateConnected), ElementsAre(act(Act::connect)));
}

TEST_F(BackendFsmTest, ABackendLostWhileReconfiguringIsResumedFirst)
{
    connect();
    on(Kind::backend_lost);
    EXPECT_THAT(front(XenbusStateReconfiguring), IsEmpty());
    EXPECT_THAT(on(Kind::prepared), ElementsAre(act(Act::resume)));
    EXPECT_THAT(
        on(Kind::connected), ElementsAre(act(Act::reconfigure), own(XenbusStateReconfigured))
    );
}

TEST_F(BackendFsmTest, AFrontendThatClosesWhileReconfiguringIsFollowed)
{
    connect();
    front(XenbusStateReconfiguring);
    EXPECT_THAT(front(XenbusStateClosing), ElementsAre(own(XenbusStateClosing)));
    EXPECT_THAT(front(XenbusStateReconfiguring), IsEmpty());
}

TEST_F(BackendFsmTest, DetachLetsAConnectedFrontendCloseFirst)
{
    connect();
    EXPECT_THAT(on(Kind::detach), ElementsAre(own(XenbusStateClosing)));
    EXPECT_THAT(front(XenbusStateClosing), IsEmpty());
    EXPECT_THAT(front(XenbusStateClosed), ElementsAre(act(Act::disconnect)));
    EXPECT_THAT(on(Kind::disconnected), ElementsAre(own(XenbusStateClosed), act(Act::remove)));
    EXPECT_EQ(fsm.phase(), Phase::removed);
}

TEST_F(BackendFsmTest, DetachOfADeviceNobodyUsesIsImmediate)
{
    on(Kind::prepared);
    EXPECT_THAT(on(Kind::detach), ElementsAre(own(XenbusStateClosed), act(Act::remove)));
    BackendFsm fresh;
    EXPECT_THAT(
        list(fresh.on({Kind::detach})), ElementsAre(own(XenbusStateClosed), act(Act::remove))
    );
}

TEST_F(BackendFsmTest, ForceDoesNotWaitForTheFrontend)
{
    connect();
    on(Kind::detach);
    EXPECT_THAT(on(Kind::force_detach), ElementsAre(act(Act::disconnect)));
    EXPECT_THAT(on(Kind::disconnected), ElementsAre(own(XenbusStateClosed), act(Act::remove)));
}

TEST_F(BackendFsmTest, AVanishedFrontendEndsTheDevice)
{
    connect();
    EXPECT_THAT(
        on(Kind::frontend_gone), ElementsAre(own(XenbusStateClosing), act(Act::disconnect))
    );
    EXPECT_THAT(on(Kind::disconnected), ElementsAre(own(XenbusStateClosed), act(Act::remove)));
    EXPECT_THAT(front(XenbusStateInitialising), IsEmpty()); // removed is final
}

TEST_F(BackendFsmTest, ALostBackendIsReplacedWithoutAWordToTheFrontend)
{
    connect();
    EXPECT_THAT(on(Kind::backend_lost), IsEmpty());
    EXPECT_EQ(fsm.phase(), Phase::orphaned);
    EXPECT_THAT(on(Kind::prepared), ElementsAre(act(Act::resume)));
    EXPECT_THAT(on(Kind::connected), IsEmpty());
    EXPECT_EQ(fsm.phase(), Phase::connected);
}

TEST_F(BackendFsmTest, ALostBackendThatCannotResumeAsksTheFrontendToClose)
{
    connect();
    on(Kind::backend_lost);
    on(Kind::prepared);
    EXPECT_THAT(
        on(Kind::connect_failed), ElementsAre(act(Act::report_error), own(XenbusStateClosing))
    );
    EXPECT_THAT(front(XenbusStateClosing), IsEmpty());
    EXPECT_THAT(front(XenbusStateClosed), ElementsAre(own(XenbusStateClosed)));
    EXPECT_THAT(
        front(XenbusStateInitialising),
        ElementsAre(act(Act::publish_features), own(XenbusStateInitWait))
    );
}

TEST_F(BackendFsmTest, ABackendThatIsNotReplacedAsksTheFrontendToClose)
{
    connect();
    on(Kind::backend_lost);
    EXPECT_THAT(on(Kind::failed), ElementsAre(act(Act::report_error), own(XenbusStateClosing)));
    EXPECT_EQ(fsm.phase(), Phase::halted);
    EXPECT_THAT(front(XenbusStateClosed), ElementsAre(own(XenbusStateClosed)));
}

TEST_F(BackendFsmTest, AFrontendThatClosesWhileOrphanedNeedsNoBackend)
{
    connect();
    on(Kind::backend_lost);
    EXPECT_THAT(front(XenbusStateClosing), IsEmpty());
    EXPECT_THAT(
        front(XenbusStateClosed), ElementsAre(own(XenbusStateClosing), own(XenbusStateClosed))
    );
    EXPECT_THAT(front(XenbusStateInitialising), IsEmpty()); // nobody could serve it yet
    EXPECT_THAT(
        on(Kind::prepared), ElementsAre(act(Act::publish_features), own(XenbusStateInitWait))
    );
}

TEST_F(BackendFsmTest, ABackendLostWhileConnectingResumesAndPublishes)
{
    on(Kind::prepared);
    front(XenbusStateInitialised);
    EXPECT_THAT(on(Kind::backend_lost), IsEmpty());
    EXPECT_THAT(on(Kind::prepared), ElementsAre(act(Act::resume)));
    EXPECT_THAT(
        on(Kind::connected), ElementsAre(act(Act::publish_connected), own(XenbusStateConnected))
    );
}

TEST_F(BackendFsmTest, ABackendLostWhileDisconnectingCountsAsDisconnected)
{
    connect();
    on(Kind::force_detach);
    EXPECT_THAT(on(Kind::backend_lost), ElementsAre(own(XenbusStateClosed), act(Act::remove)));
}

TEST_F(BackendFsmTest, ABackendLostBeforeConnectingIsWaitedFor)
{
    on(Kind::prepared);
    EXPECT_THAT(on(Kind::backend_lost), IsEmpty());
    EXPECT_THAT(front(XenbusStateInitialised), IsEmpty());
    EXPECT_THAT(on(Kind::prepared), ElementsAre(act(Act::connect)));
}

TEST(BackendFsmAdopt, AConnectedDeviceGoesOnWithoutAnyWrite)
{
    BackendActions actions;
    BackendFsm fsm =
        BackendFsm::adopt({XenbusStateConnected, XenbusStateConnected, true, true, true}, actions);
    EXPECT_TRUE(actions.empty());
    EXPECT_EQ(fsm.phase(), Phase::connected);
}

TEST(BackendFsmAdopt, ACrashBetweenConnectAndItsPublicationIsFinished)
{
    BackendActions actions;
    BackendFsm::adopt({XenbusStateInitWait, XenbusStateInitialised, true, true, true}, actions);
    EXPECT_THAT(list(actions), ElementsAre(act(Act::publish_connected), own(XenbusStateConnected)));
}

TEST(BackendFsmAdopt, ACrashBeforeConnectConnectsNow)
{
    BackendActions actions;
    BackendFsm::adopt({XenbusStateInitWait, XenbusStateInitialised, true, true, false}, actions);
    EXPECT_THAT(list(actions), ElementsAre(act(Act::connect)));
}

TEST(BackendFsmAdopt, AnUnfinishedDetachIsFinished)
{
    BackendActions actions;
    BackendFsm fsm =
        BackendFsm::adopt({XenbusStateClosing, XenbusStateClosed, false, true, true}, actions);
    EXPECT_THAT(list(actions), ElementsAre(act(Act::disconnect)));
    EXPECT_THAT(
        list(fsm.on({Kind::disconnected})), ElementsAre(own(XenbusStateClosed), act(Act::remove))
    );
}

TEST(BackendFsmAdopt, AConnectionWhoseProcessIsGoneIsResumed)
{
    BackendActions actions;
    BackendFsm fsm = BackendFsm::adopt(
        {XenbusStateConnected, XenbusStateConnected, true, false, false}, actions
    );
    EXPECT_THAT(list(actions), IsEmpty());
    EXPECT_EQ(fsm.phase(), Phase::orphaned);
    EXPECT_THAT(list(fsm.on({Kind::prepared})), ElementsAre(act(Act::resume)));
}

TEST(BackendFsmAdopt, AConnectionThatTheFrontendLeavesIsNotResumed)
{
    BackendActions actions;
    BackendFsm fsm =
        BackendFsm::adopt({XenbusStateConnected, XenbusStateClosing, true, false, false}, actions);
    EXPECT_THAT(list(actions), ElementsAre(own(XenbusStateClosing)));
    EXPECT_EQ(fsm.phase(), Phase::halted);
}

TEST(BackendFsmAdopt, AVanishedDomainIsRemoved)
{
    BackendActions actions;
    BackendFsm::adopt({XenbusStateInitWait, XenbusStateUnknown, true, true, false}, actions);
    EXPECT_THAT(list(actions), ElementsAre(own(XenbusStateClosed), act(Act::remove)));
}

} // namespace
} // namespace zocalo::xen
