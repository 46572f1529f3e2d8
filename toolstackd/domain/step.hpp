// SPDX-License-Identifier: Apache-2.0
// Step: the decision at the heart of the reconciler. `next_step` is pure: from a record, what Xen
// says, and the operations that wait, it names the one next thing to do. It is asked again after
// every step, every notice and every start of the daemon, so recovery is no case of its own.
#pragma once

#include "toolstackd/domain/observe.hpp"

namespace zocalo::toolstack {

enum class StepKind {
    wait,        // nothing to do before `wake_ms`
    begin_start, // operation `op`: promise the resources, phase starting
    end_queue,   // its turn after host boot has come
    discard,     // throw away what was half built
    build,       // create, build, wire, commit `built`
    unpause,     // let it run
    confirm,     // commit `running`
    follow,      // serve the console and the frontends of an instance found running
    record_end,  // it ended (`word`): decide and commit what follows
    dump,        // write its core file, then go on ending
    keep,        // set it aside under another name, so that its successor can start
    tear_down,   // destroy it and free what it used
    finish_end,  // it is gone: remove nodes, commit, perhaps start again
    fail_start,  // `failure`: give up before it ran
    run_op,      // carry out operation `op`
    settle_op,   // operation `op` waited for the guest and is over: `failure` or not
};

struct Step {
    StepKind kind{StepKind::wait};
    std::int64_t wake_ms{}; // of `wait`; 0: only when told
    std::uint64_t op{};
    std::string word;
    std::optional<Error> failure;
};

// `ops`: the unfinished operations about this domain, oldest first.
Step next_step(
    const Record& record,
    const Observation& seen,
    const std::vector<OpRow>& ops,
    std::int64_t now_ms,
    const Settings& settings
);

// Operations that have asked something of the guest and wait for it (their deadline is set).
bool is_parked(const OpRow& op);

// What a shutdown or reboot ends with when the guest has not acted within the operation's time.
Error guest_too_slow(const OpRow& op);

} // namespace zocalo::toolstack
