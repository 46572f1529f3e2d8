// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/step.hpp"

#include "common/rpc/bodies.hpp"
#include "common/rpc/json.hpp"
#include "toolstackd/domain/policy.hpp"

#include <algorithm>
#include <limits>

namespace zocalo::toolstack {
namespace {

struct Situation {
    const Record& record;
    const Observation& seen;
    const std::vector<OpRow>& ops;
    std::int64_t now_ms;
    const Settings& settings;
};

const OpRow* first(const Situation& s, std::initializer_list<std::string_view> verbs)
{
    for (const OpRow& op : s.ops)
        for (const std::string_view verb : verbs)
            if (op.verb == verb)
                return &op;
    return nullptr;
}

Step wait(std::int64_t wake_ms = 0)
{
    return {.kind = StepKind::wait, .wake_ms = wake_ms};
}

Step settle(const OpRow& op, std::optional<Error> failure)
{
    return {.kind = StepKind::settle_op, .op = op.id, .failure = std::move(failure)};
}

bool never_ran(const LiveDomain& domain)
{
    return domain.paused && domain.cpu_time_ns == 0;
}

Error cancelled()
{
    return {Code::failed, "cancelled on request", {}};
}

// A parked operation: its deadline, its cancellation, the outcome of what it waits for.
std::optional<Step> settle_parked(const Situation& s, const OpRow& op)
{
    const auto waiting = s.record.waits.find(op.id);
    if (op.verb == "shutdown" || op.verb == "reboot") {
        if (op.step == "cancelling")
            return settle(op, cancelled());
        if (op.verb == "reboot" && s.record.instance.boot_seq > op.boot_seq)
            return settle(op, std::nullopt);
        if (op.verb == "shutdown" && s.record.instance.boot_seq > op.boot_seq)
            return settle(op, Error{Code::failed, "the guest rebooted instead", {}});
        if (s.now_ms >= op.deadline_ms)
            return settle(op, guest_too_slow(op));
        if (waiting == s.record.waits.end()) // of an earlier life: perhaps it was never asked
            return Step{.kind = StepKind::run_op, .op = op.id};
        return std::nullopt;
    }
    if (waiting == s.record.waits.end()) // this process has not taken it up yet
        return Step{.kind = StepKind::run_op, .op = op.id};
    if (!waiting->second)
        return std::nullopt;
    if (*waiting->second)
        return settle(op, std::nullopt);
    return settle(op, waiting->second->error());
}

// Operations on an instance that runs, or on a definition.
Step step_ops(const Situation& s)
{
    std::int64_t wake = std::numeric_limits<std::int64_t>::max();
    for (const OpRow& op : s.ops) {
        if (op.verb == "create" || op.verb == "start") {
            if (s.record.instance.phase == Phase::running)
                return settle(op, std::nullopt); // somebody else's start came first
            continue;
        }
        if (!is_parked(op))
            return {.kind = StepKind::run_op, .op = op.id};
        if (auto step = settle_parked(s, op))
            return *step;
        if (op.verb == "shutdown" || op.verb == "reboot") // the others are told
            wake = std::min(wake, op.deadline_ms);
    }
    return wait(wake == std::numeric_limits<std::int64_t>::max() ? 0 : wake);
}

Step step_none(const Situation& s)
{
    if (const OpRow* op = first(s, {"destroy"}))
        return settle(*op, std::nullopt);
    if (const OpRow* op = first(s, {"create", "start"}))
        return {.kind = StepKind::begin_start, .op = op->id};
    return step_ops(s);
}

Step step_starting(const Situation& s)
{
    if (const OpRow* op = first(s, {"create", "start"}); op && op->step == "cancelling")
        return {.kind = StepKind::fail_start, .failure = cancelled()};
    if (s.seen.twin)
        return {
            .kind = StepKind::fail_start,
            .failure = Error{
                Code::conflict,
                "a domain of another toolstack has this uuid and runs as domain " +
                    std::to_string(s.seen.twin->domid.value),
                "destroy that one, or give this domain another uuid"}};
    if (!s.record.clean || s.seen.domain)
        return {.kind = StepKind::discard};
    if (s.record.instance.not_before_ms > s.now_ms && !first(s, {"create", "start"}))
        return wait(s.record.instance.not_before_ms);
    return {.kind = StepKind::build};
}

// By somebody else's hand. While it is dying Xen waits for us too: we map its console, our backends
// its rings.
bool destroyed(const Situation& s)
{
    return !s.seen.domain || s.seen.domain->dying;
}

Step step_built(const Situation& s)
{
    if (destroyed(s))
        return {.kind = StepKind::record_end, .word = "destroyed"};
    if (!s.record.instance.start_paused && never_ran(*s.seen.domain))
        return {.kind = StepKind::unpause};
    return {.kind = StepKind::confirm};
}

// Operations go on also while the console or a frontend cannot be served yet.
Step step_served(const Situation& s)
{
    if (s.record.followed)
        return step_ops(s);
    if (s.now_ms >= s.record.follow_again_ms)
        return {.kind = StepKind::follow};
    Step step = step_ops(s);
    if (step.kind == StepKind::wait)
        step.wake_ms = step.wake_ms == 0 ? s.record.follow_again_ms
                                         : std::min(step.wake_ms, s.record.follow_again_ms);
    return step;
}

Step step_running(const Situation& s)
{
    if (destroyed(s))
        return {.kind = StepKind::record_end, .word = "destroyed"};
    const LiveDomain& domain = *s.seen.domain;
    if (domain.shutdown && exit_word(domain.shutdown_reason) != "suspend")
        return {.kind = StepKind::record_end, .word = exit_word(domain.shutdown_reason)};
    return step_served(s);
}

Step step_preserved(const Situation& s)
{
    if (destroyed(s))
        return {.kind = StepKind::record_end, .word = "destroyed"};
    return step_served(s);
}

Step step_ending(const Situation& s)
{
    if (s.record.instance.after_end == AfterEnd::keep)
        return {.kind = StepKind::keep};
    const bool undead = std::ranges::any_of(s.seen.strays, [](auto& d) { return !d.dying; });
    if (!s.record.released || undead || (s.seen.domain && !s.seen.domain->dying))
        return {.kind = StepKind::tear_down};
    if (!s.seen.domain && s.seen.strays.empty())
        return {.kind = StepKind::finish_end};
    const OpRow* op = first(s, {"destroy"});
    if (op && s.now_ms >= op->created_ms + s.settings.gone_limit_ms)
        return settle(
            *op,
            Error{
                Code::timeout,
                "Xen still keeps the domain: something maps its memory",
                "`zl doctor` names what is left; the toolstack goes on cleaning up"}
        );
    return wait(s.now_ms + s.settings.gone_poll_first_ms);
}

} // namespace

bool is_parked(const OpRow& op)
{
    return op.deadline_ms != 0;
}

Error guest_too_slow(const OpRow& op)
{
    const auto body = rpc::from_json<rpc::TimeoutBody>(op.args, "");
    const std::string limit = body ? " within " + std::to_string(body->timeout_s) + " s" : "";
    return Error{
        Code::timeout,
        std::string{"the guest has not "} + (op.verb == "reboot" ? "rebooted" : "shut down") +
            limit + " and still runs; it may yet do so",
        "look at its console; `zl destroy` ends it without asking"};
}

Step next_step(
    const Record& record,
    const Observation& seen,
    const std::vector<OpRow>& ops,
    std::int64_t now_ms,
    const Settings& settings
)
{
    const Situation s{record, seen, ops, now_ms, settings};
    if (!seen.known)
        return wait(now_ms + settings.unknown_retry_ms);
    const Phase phase = record.instance.phase;
    const bool destroy = first(s, {"destroy"}) != nullptr;
    if (destroy && phase != Phase::none && phase != Phase::ending)
        return {.kind = StepKind::record_end, .word = "destroy"};
    switch (phase) {
    case Phase::none:
        return step_none(s);
    case Phase::queued:
        if (const OpRow* op = first(s, {"start"}))
            return {.kind = StepKind::begin_start, .op = op->id};
        if (record.turn)
            return {.kind = StepKind::end_queue};
        return step_ops(s);
    case Phase::starting:
        return step_starting(s);
    case Phase::building:
        return {.kind = StepKind::discard};
    case Phase::built:
        return step_built(s);
    case Phase::running:
        return step_running(s);
    case Phase::preserved:
        return step_preserved(s);
    case Phase::dumping:
        return {.kind = StepKind::dump};
    case Phase::ending:
        return step_ending(s);
    }
    return wait();
}

} // namespace zocalo::toolstack
