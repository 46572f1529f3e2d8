// SPDX-License-Identifier: Apache-2.0
// FIFO event channels as a domain uses them: words, queues, priorities, and words that the domain
// spoils.
#include "hypervisor-core/domain/destroy.hpp"
#include "hypervisor-core/domain/notify.hpp"
#include "hypervisor-core/hal/memory.hpp"
#include "tests/unit/hypervisor-core/hypercall/system_fixture.hpp"

#include <xen/event_channel.h>

namespace zocalo::hv {
namespace {

constexpr std::uint32_t kPending = 1U << EVTCHN_FIFO_PENDING, kMasked = 1U << EVTCHN_FIFO_MASKED;
constexpr std::uint32_t kLinked = 1U << EVTCHN_FIFO_LINKED;
constexpr unsigned kUsual = EVTCHN_FIFO_PRIORITY_DEFAULT;

struct EventFifoTest : SystemFixture {
    Domain& guest = domain(new_domain());
    Mfn control_frame = page(), array_frame = page();

    EventFifoTest() { caller = guest.vcpus[0]; }
    Mfn page() { return *system.memory.allocate_for(guest.memory, 0); }
    evtchn_fifo_control_block& control() const
    {
        return *reinterpret_cast<evtchn_fifo_control_block*>(hal::frame_bytes(control_frame));
    }
    std::uint32_t& word(EventPort port) const
    {
        return reinterpret_cast<std::uint32_t*>(hal::frame_bytes(array_frame))[port.value];
    }
    std::int64_t event_op(std::uint64_t command)
    {
        return make(__HYPERVISOR_event_channel_op, {command, kArgument});
    }
    std::int64_t init_control(std::uint64_t frame, std::uint32_t offset, std::uint32_t vcpu)
    {
        evtchn_init_control args{};
        args.control_gfn = frame;
        args.offset = offset;
        args.vcpu = vcpu;
        put(kArgument, args);
        return event_op(EVTCHNOP_init_control);
    }
    std::int64_t expand_array(Mfn frame)
    {
        put(kArgument, evtchn_expand_array{frame.value});
        return event_op(EVTCHNOP_expand_array);
    }
    void start()
    {
        ASSERT_EQ(init_control(control_frame.value, 0, 0), 0);
        ASSERT_EQ(expand_array(array_frame), 0);
    }
    EventPort port()
    {
        EXPECT_TRUE(make_event_room(system, guest));
        return *guest.events.bind_ipi(0);
    }
};

TEST_F(EventFifoTest, EventsOfOneQueueFollowEachOther)
{
    start();
    const EventPort a = port(), b = port();
    notify_port(system, guest, a);
    notify_port(system, guest, b);
    EXPECT_EQ(control().head[kUsual], a.value);
    EXPECT_EQ(word(a), kPending | kLinked | b.value);
    EXPECT_EQ(word(b), kPending | kLinked);
    EXPECT_EQ(control().ready, 1U << kUsual);
    notify_port(system, guest, a);
    EXPECT_EQ(word(a), kPending | kLinked | b.value) << "it is queued already";
    EXPECT_TRUE(port_is_pending(guest, a));
}

TEST_F(EventFifoTest, AnEventThatWasTakenIsQueuedAnewEvenWhenItWasTheLast)
{
    start();
    const EventPort a = port();
    notify_port(system, guest, a);
    word(a) = 0; // the guest took it
    control().ready = 0;
    control().head[kUsual] = 0;
    notify_port(system, guest, a);
    EXPECT_EQ(control().head[kUsual], a.value);
    EXPECT_EQ(word(a), kPending | kLinked) << "it does not follow itself";
}

TEST_F(EventFifoTest, AMaskedEventWaitsForUnmask)
{
    start();
    const EventPort a = port();
    word(a) = kMasked;
    notify_port(system, guest, a);
    EXPECT_EQ(word(a), kMasked | kPending);
    EXPECT_EQ(control().ready, 0U);
    unmask_port(system, guest, a);
    EXPECT_EQ(word(a), kPending | kLinked);
}

TEST_F(EventFifoTest, APriorityHasItsOwnQueue)
{
    start();
    const EventPort a = port();
    put(kArgument, evtchn_set_priority{a.value, 2});
    ASSERT_EQ(event_op(EVTCHNOP_set_priority), 0);
    notify_port(system, guest, a);
    EXPECT_EQ(control().head[2], a.value);
    put(kArgument, evtchn_set_priority{a.value, 16});
    EXPECT_EQ(event_op(EVTCHNOP_set_priority), minus(Errno::inval));
}

TEST_F(EventFifoTest, WhatWasSentBeforeThereWasAWordIsNotLost)
{
    const EventPort a = port();
    notify_port(system, guest, a);
    ASSERT_EQ(init_control(control_frame.value, 0, 0), 0);
    const EventPort b = port();
    notify_port(system, guest, b);
    ASSERT_EQ(expand_array(array_frame), 0);
    EXPECT_EQ(word(a), kPending | kLinked | b.value);
    EXPECT_EQ(word(b), kPending | kLinked);
}

// The class of XSA-188.
TEST_F(EventFifoTest, AControlBlockThatCannotBeLeavesNothingBehind)
{
    EXPECT_EQ(init_control(~std::uint64_t{1}, 0, 0), minus(Errno::inval));
    EXPECT_EQ(init_control(control_frame.value, kPageSize - 64, 0), minus(Errno::inval));
    EXPECT_EQ(init_control(control_frame.value, 4, 0), minus(Errno::inval));
    EXPECT_EQ(init_control(control_frame.value, 0, 77), minus(Errno::noent));
    EXPECT_EQ(expand_array(array_frame), minus(Errno::opnotsupp));
    EXPECT_EQ(system.memory.frames()[control_frame].refs, 1U);
    start();
    EXPECT_EQ(init_control(control_frame.value, 0, 0), minus(Errno::inval));
    EXPECT_FALSE(system.tables.pin(array_frame, 1, guest.rights()));
}

TEST_F(EventFifoTest, WordsThatTheGuestSpoiledHarmOnlyItself)
{
    start();
    const EventPort a = port(), b = port();
    notify_port(system, guest, a);
    word(a) = ~std::uint32_t{0};
    control().head[kUsual] = ~std::uint32_t{0};
    notify_port(system, guest, b);
    notify_port(system, guest, a);
    EXPECT_NE(word(b) & kPending, 0U);
}

TEST_F(EventFifoTest, AResetGoesBackToTwoLevelsAndGivesTheMemoryBack)
{
    start();
    const EventPort a = port();
    put(kArgument, evtchn_reset{DOMID_SELF});
    ASSERT_EQ(event_op(EVTCHNOP_reset), 0);
    EXPECT_FALSE(guest.events.look(a));
    EXPECT_EQ(system.memory.frames()[control_frame].refs, 1U);
    EXPECT_EQ(system.memory.frames()[array_frame].type_refs, 0U);
    const EventPort b = port();
    notify_port(system, guest, b);
    EXPECT_NE(guest.shared->evtchn_pending[b.value / 64], 0U);
}

TEST_F(EventFifoTest, TheEndOfTheDomainGivesTheMemoryBack)
{
    const std::uint64_t before = free_frames() + guest.memory.count;
    start();
    caller = dom0->vcpus[0];
    while (!destroy_step(system, guest)) {
    }
    EXPECT_GE(free_frames(), before);
}

} // namespace
} // namespace zocalo::hv
