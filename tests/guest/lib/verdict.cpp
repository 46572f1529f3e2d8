// SPDX-License-Identifier: Apache-2.0
#include "tests/guest/lib/verdict.hpp"

#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/memory.hpp"
#include "tests/guest/lib/trap.hpp"

#include <xen/event_channel.h>
#include <xen/io/console.h>
#include <xen/sched.h>

#include <atomic>

namespace zocalo::guest {
namespace {

unsigned failures = 0;
bool skipped = false;

// The ring is read by dom0; whoever waits for room gives it time.
void put(char character)
{
    auto& ring = *static_cast<xencons_interface*>(virtual_of(info->console.domU.mfn));
    std::atomic_ref<XENCONS_RING_IDX> out{ring.out_prod}, in{ring.out_cons};
    while (out.load() - in.load() >= sizeof(ring.out))
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield);
    ring.out[out.load() & (sizeof(ring.out) - 1)] = character;
    out.store(out.load() + 1);
}

void tell_console()
{
    evtchn_send args{info->console.domU.evtchn};
    hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &args);
}

void flush_console()
{
    auto& ring = *static_cast<xencons_interface*>(virtual_of(info->console.domU.mfn));
    tell_console();
    while (std::atomic_ref{ring.out_cons}.load() != std::atomic_ref{ring.out_prod}.load())
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield);
}

[[noreturn]] void end(std::string_view verdict, unsigned reason)
{
    print("verdict: ", verdict, "\n");
    flush_console();
    sched_shutdown args{reason};
    for (;;)
        hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &args);
}

} // namespace

void print_one(std::string_view text)
{
    for (const char character : text)
        put(character);
    if (!text.empty() && text.back() == '\n')
        tell_console();
}

void print_one(std::int64_t number)
{
    char digits[21];
    unsigned count = 0;
    std::uint64_t rest = static_cast<std::uint64_t>(number);
    if (number < 0)
        rest = ~rest + 1;
    do
        digits[count++] = static_cast<char>('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (number < 0)
        digits[count++] = '-';
    while (count != 0)
        put(digits[--count]);
}

void print_one(Hex number)
{
    print_one("0x");
    unsigned shift = 60;
    while (shift != 0 && (number.value >> shift & 15) == 0)
        shift -= 4;
    for (;; shift -= 4) {
        put("0123456789abcdef"[number.value >> shift & 15]);
        if (shift == 0)
            return;
    }
}

void count_failure()
{
    ++failures;
}

void skip(std::string_view why)
{
    skipped = true;
    print("skipped: ", why, "\n");
}

void expect_crash(std::string_view why)
{
    print("expects a crash: ", why, "\n");
    flush_console();
}

void end_with_error(std::string_view why)
{
    print("error: ", why, "\n");
    end("ERROR", SHUTDOWN_poweroff);
}

extern "C" [[noreturn]] void guest_main()
{
    start_memory();
    start_traps();
    test();
    end(failures != 0 ? "FAILURE" : skipped ? "SKIP" : "SUCCESS", SHUTDOWN_poweroff);
}

} // namespace zocalo::guest
