// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/domain/event_fifo.hpp"

#include "hypervisor-core/domain/notify.hpp"
#include "hypervisor-core/hal/memory.hpp"

#include <atomic>

namespace zocalo::hv::fifo {
namespace {

constexpr std::uint32_t kPending = 1U << EVTCHN_FIFO_PENDING;
constexpr std::uint32_t kMasked = 1U << EVTCHN_FIFO_MASKED;
constexpr std::uint32_t kLinked = 1U << EVTCHN_FIFO_LINKED;
constexpr std::uint32_t kLink = EVTCHN_FIFO_LINK_MASK;
// How often a guest may change a word under our hands before we let it be.
constexpr unsigned kPatience = 1000;

using Word = std::atomic_ref<event_word_t>;

event_word_t* word_of(const Domain& domain, std::uint32_t port)
{
    const std::uint32_t page = port / EventFifo::kWordsPerPage;
    if (page >= domain.fifo.pages)
        return nullptr;
    auto* const words = reinterpret_cast<event_word_t*>(hal::frame_bytes(domain.fifo.frames[page]));
    return words + port % EventFifo::kWordsPerPage;
}

// A reference and a writable use of one of the domain's frames, as of a mapping.
Result<Unit> take_frame(System& system, const Domain& domain, Mfn frame)
{
    FrameTable& frames = system.memory.frames();
    TRY(frames.get(frame, domain.id));
    if (frames.get_writable(frame))
        return Unit{};
    system.memory.put(frame);
    return Errno::inval;
}

void put_frame(System& system, Mfn& frame)
{
    system.memory.frames().put_writable(frame);
    system.memory.put(frame);
    frame = Mfn{};
}

// Makes `port` follow the event of `word`, if that still is in a queue.
bool link_behind(event_word_t& word, std::uint32_t port)
{
    std::uint32_t seen = Word{word}.load();
    for (unsigned attempt = 0; attempt < kPatience && (seen & kLinked) != 0; ++attempt)
        if (Word{word}.compare_exchange_weak(seen, (seen & ~kLink) | port))
            return true;
    return false;
}

// Its last queue must not go on at an event that moves to another.
void leave_last_queue(Domain& domain, Channel& channel, std::uint32_t port)
{
    if (channel.last_vcpu == channel.vcpu && channel.last_priority == channel.priority)
        return;
    if (Vcpu* const last = domain.vcpu(channel.last_vcpu); last != nullptr) {
        std::uint32_t& tail = last->fifo.tails[channel.last_priority];
        if (tail == port)
            tail = 0;
    }
    channel.last_vcpu = channel.vcpu;
    channel.last_priority = channel.priority;
}

// Puts a pending event at the end of its queue, unless it is in one.
void enqueue(System& system, Domain& domain, Channel& channel, std::uint32_t port)
{
    Vcpu* const vcpu = domain.vcpu(channel.vcpu);
    if (vcpu == nullptr || vcpu->fifo.control == nullptr)
        return;
    event_word_t& word = *word_of(domain, port);
    if ((Word{word}.fetch_or(kLinked) & kLinked) != 0)
        return;
    leave_last_queue(domain, channel, port);
    Word{word}.fetch_and(~kLink);
    FifoQueues& queues = vcpu->fifo;
    std::uint32_t& tail = queues.tails[channel.priority];
    event_word_t* const last = tail != 0 && tail != port ? word_of(domain, tail) : nullptr;
    const bool follows = last != nullptr && link_behind(*last, port);
    tail = port;
    if (follows)
        return;
    Word{queues.control->head[channel.priority]}.store(port);
    const std::uint32_t bit = 1U << channel.priority;
    if ((std::atomic_ref{queues.control->ready}.fetch_or(bit) & bit) == 0)
        notify_vcpu(system, *vcpu);
}

// What was pending in the shared page is from now on remembered until there is a word for it.
void start(Domain& domain)
{
    domain.fifo.active = true;
    for (EventPort port{1}; port.value < domain.events.ports(); ++port.value)
        if (Channel* const channel = domain.events.find(port); channel != nullptr) {
            const xen_ulong_t word = domain.shared->evtchn_pending[port.value / 64];
            channel->waiting = (word >> (port.value % 64) & 1) != 0;
            channel->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
        }
}

} // namespace

Result<Unit>
init_control(System& system, Domain& domain, std::uint64_t number, Mfn frame, std::uint32_t offset)
{
    Vcpu* const vcpu = domain.vcpu(number);
    if (vcpu == nullptr)
        return Errno::noent;
    if (offset > kPageSize - sizeof(evtchn_fifo_control_block) || offset % 8 != 0 ||
        vcpu->fifo.control != nullptr || vcpu->info == nullptr)
        return Errno::inval;
    TRY(take_frame(system, domain, frame));
    vcpu->fifo.frame = frame;
    vcpu->fifo.control =
        reinterpret_cast<evtchn_fifo_control_block*>(hal::frame_bytes(frame) + offset);
    if (!domain.fifo.active)
        start(domain);
    return Unit{};
}

Result<Unit> expand_array(System& system, Domain& domain, Mfn frame)
{
    EventFifo& fifo = domain.fifo;
    if (!fifo.active)
        return Errno::opnotsupp;
    if (fifo.pages == fifo.frames.size())
        return Errno::nospc;
    TRY(take_frame(system, domain, frame));
    fifo.frames[fifo.pages++] = frame;
    const std::uint32_t end = fifo.pages * EventFifo::kWordsPerPage;
    for (EventPort port{end - EventFifo::kWordsPerPage}; port.value < end; ++port.value)
        if (Channel* const channel = domain.events.find(port);
            channel != nullptr && channel->waiting) {
            channel->waiting = false;
            set_pending(system, domain, port);
        }
    return Unit{};
}

Result<Unit> set_priority(Domain& domain, EventPort port, std::uint32_t priority)
{
    Channel* const channel = domain.events.find(port);
    if (channel == nullptr)
        return Errno::inval;
    if (!domain.fifo.active)
        return Errno::nosys;
    if (priority > EVTCHN_FIFO_PRIORITY_MIN)
        return Errno::inval;
    channel->priority = static_cast<std::uint8_t>(priority);
    return Unit{};
}

bool set_pending(System& system, Domain& domain, EventPort port)
{
    Channel* const channel = domain.events.find(port);
    if (channel == nullptr)
        return false;
    event_word_t* const word = word_of(domain, port.value);
    if (word == nullptr) {
        channel->waiting = true;
        return false;
    }
    const std::uint32_t was = Word{*word}.fetch_or(kPending);
    if ((was & (kMasked | kLinked)) == 0)
        enqueue(system, domain, *channel, port.value);
    return (was & kPending) == 0;
}

void clear_pending(Domain& domain, EventPort port)
{
    if (event_word_t* const word = word_of(domain, port.value); word != nullptr)
        Word{*word}.fetch_and(~kPending);
}

void unmask(System& system, Domain& domain, EventPort port)
{
    Channel* const channel = domain.events.find(port);
    event_word_t* const word = word_of(domain, port.value);
    if (channel == nullptr || word == nullptr)
        return;
    if ((Word{*word}.fetch_and(~kMasked) & kPending) != 0)
        enqueue(system, domain, *channel, port.value);
}

bool is_pending(const Domain& domain, EventPort port)
{
    event_word_t* const word = word_of(domain, port.value);
    return word != nullptr && (Word{*word}.load() & kPending) != 0;
}

void leave(System& system, Domain& domain)
{
    EventFifo& fifo = domain.fifo;
    fifo.active = false;
    while (fifo.pages != 0)
        put_frame(system, fifo.frames[--fifo.pages]);
    for (Vcpu* vcpu : domain.vcpus)
        if (vcpu != nullptr && vcpu->fifo.control != nullptr) {
            put_frame(system, vcpu->fifo.frame);
            vcpu->fifo = FifoQueues{};
        }
}

} // namespace zocalo::hv::fifo
