// SPDX-License-Identifier: Apache-2.0
// FIFO event channels: control block, event words, queues by priority, masks; and arguments that
// make no sense. Class: event array and control block (XSA-188 and its kind).
#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/trap.hpp"
#include "tests/guest/lib/verdict.hpp"

#include <xen/event_channel.h>

#include <array>
#include <atomic>

namespace zocalo::guest {
namespace {

constexpr std::uint32_t kPending = 1U << EVTCHN_FIFO_PENDING, kMasked = 1U << EVTCHN_FIFO_MASKED;
constexpr std::uint32_t kLinked = 1U << EVTCHN_FIFO_LINKED;

// A page each.
alignas(kPageSize) evtchn_fifo_control_block control_block;
alignas(kPageSize) std::array<event_word_t, kPageSize / sizeof(event_word_t)> words;

std::atomic_ref<event_word_t> word(std::uint32_t port)
{
    return std::atomic_ref{words[port]};
}
std::int64_t map_words(std::uint64_t flags)
{
    return map(reinterpret_cast<std::uint64_t>(&words), entry_for(&words, flags));
}

std::int64_t op(unsigned command, void* args)
{
    return hypercall(__HYPERVISOR_event_channel_op, command, args);
}

std::int64_t init_control(std::uint64_t frame, std::uint32_t offset, std::uint32_t vcpu)
{
    evtchn_init_control args{};
    args.control_gfn = frame;
    args.offset = offset;
    args.vcpu = vcpu;
    const std::int64_t answer = op(EVTCHNOP_init_control, &args);
    if (answer == 0)
        same(args.link_bits, EVTCHN_FIFO_LINK_BITS, "link bits");
    return answer;
}
std::int64_t expand_array(std::uint64_t frame)
{
    evtchn_expand_array args{frame};
    return op(EVTCHNOP_expand_array, &args);
}
std::int64_t set_priority(std::uint32_t port, std::uint32_t priority)
{
    evtchn_set_priority args{port, priority};
    return op(EVTCHNOP_set_priority, &args);
}
std::uint32_t new_port()
{
    evtchn_bind_ipi args{0, 0};
    same(op(EVTCHNOP_bind_ipi, &args), 0, "bind_ipi");
    return args.port;
}
void send(std::uint32_t port)
{
    evtchn_send args{port};
    same(op(EVTCHNOP_send, &args), 0, "send");
}

// Takes the first event of a queue, as a kernel does. 0: the queue is empty.
std::uint32_t take(unsigned priority)
{
    const std::uint32_t port = control_block.head[priority];
    if ((std::atomic_ref{control_block.ready}.load() >> priority & 1) == 0)
        return 0;
    const std::uint32_t was = word(port).fetch_and(~(kLinked | EVTCHN_FIFO_LINK_MASK));
    const std::uint32_t next = was & EVTCHN_FIFO_LINK_MASK;
    control_block.head[priority] = next;
    if (next == 0)
        std::atomic_ref{control_block.ready}.fetch_and(~(1U << priority));
    word(port).fetch_and(~kPending);
    return port;
}

void check_arguments(std::uint32_t port)
{
    same(expand_array(mfn_of(&words)), kNotSupported, "an array before a control block");
    same(set_priority(port, 1), kNoSuchCall, "a priority of a two-level channel");
    same(init_control(~std::uint64_t{1}, 0, 0), kInvalid, "a frame that is not there");
    same(expand_array(mfn_of(&words)), kNotSupported, "nothing is left of that");
    same(init_control(root_mfn(), 0, 0), kInvalid, "a page table");
    same(init_control(mfn_of(&control_block), 4096, 0), kInvalid, "beyond the page");
    same(init_control(mfn_of(&control_block), 4096 - 64, 0), kInvalid, "across its end");
    same(init_control(mfn_of(&control_block), 4, 0), kInvalid, "misaligned");
    same(init_control(mfn_of(&control_block), 0, 77), kNoEntry, "no such vCPU");
}

void check_queue(std::uint32_t first, std::uint32_t second)
{
    send(first);
    send(second);
    same(word(first).load() & (kPending | kLinked), kPending | kLinked, "pending and queued");
    same(control_block.ready, 1U << EVTCHN_FIFO_PRIORITY_DEFAULT, "its queue is ready");
    same(vcpu_area().evtchn_upcall_pending, 1, "the upcall is due");
    same(take(EVTCHN_FIFO_PRIORITY_DEFAULT), first, "in order");
    send(first);
    same(take(EVTCHN_FIFO_PRIORITY_DEFAULT), second, "the second");
    same(take(EVTCHN_FIFO_PRIORITY_DEFAULT), first, "the first again, behind it");
    same(take(EVTCHN_FIFO_PRIORITY_DEFAULT), 0, "no more");
}

void check_priority(std::uint32_t first, std::uint32_t second)
{
    same(set_priority(second, EVTCHN_FIFO_PRIORITY_MAX), 0, "the highest priority");
    same(set_priority(second, 16), kInvalid, "no such priority");
    same(set_priority(999, 1), kInvalid, "no such port");
    send(first);
    send(second);
    same(control_block.ready, 1U << EVTCHN_FIFO_PRIORITY_DEFAULT | 1, "two queues");
    same(take(0), second, "its own queue");
    same(take(EVTCHN_FIFO_PRIORITY_DEFAULT), first, "the usual one");
}

void check_mask(std::uint32_t port)
{
    word(port).fetch_or(kMasked);
    send(port);
    same(word(port).load() & (kPending | kLinked), kPending, "masked: pending, not queued");
    evtchn_unmask args{port};
    same(op(EVTCHNOP_unmask, &args), 0, "unmask");
    same(word(port).load() & (kPending | kMasked | kLinked), kPending | kLinked, "queued");
    same(take(EVTCHN_FIFO_PRIORITY_DEFAULT), port, "taken");
}

} // namespace

void test()
{
    const std::uint32_t first = new_port(), second = new_port();
    check_arguments(first);
    same(init_control(mfn_of(&control_block), 0, 0), 0, "a control block");
    same(init_control(mfn_of(&control_block), 0, 0), kInvalid, "a second one");
    send(first); // there is no word for it yet
    same(expand_array(root_mfn()), kInvalid, "a page table as array");
    same(expand_array(mfn_of(&words)), 0, "an array");
    same(take(EVTCHN_FIFO_PRIORITY_DEFAULT), first, "what was sent before");
    same(map_words(kReadOnly), 0, "read-only to us");
    same(mmuext(MMUEXT_PIN_L1_TABLE, mfn_of(&words)), kInvalid, "the array as a table");
    same(map_words(kReadWrite), 0, "writable");
    check_queue(first, second);
    check_priority(first, second);
    check_mask(first);
}

} // namespace zocalo::guest
