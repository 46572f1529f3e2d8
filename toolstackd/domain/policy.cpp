// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/policy.hpp"

#include <xen/sched.h>
#include <xen/xen.h>

#include <algorithm>

namespace zocalo::toolstack {
namespace {

rpc::StopAction action_for(const rpc::DomainConfig& config, const std::string& word)
{
    if (word == "poweroff")
        return config.on_poweroff;
    if (word == "reboot" || word == "soft-reset")
        return config.on_reboot;
    if (word == "crash")
        return config.on_crash;
    if (word == "watchdog")
        return config.on_watchdog;
    return rpc::StopAction::destroy; // somebody else destroyed it: that is respected
}

bool dumps(rpc::StopAction action)
{
    using rpc::StopAction;
    return action == StopAction::coredump_destroy || action == StopAction::coredump_restart;
}

bool restarts(rpc::StopAction action)
{
    using rpc::StopAction;
    return action == StopAction::restart || action == StopAction::rename_restart ||
           action == StopAction::coredump_restart;
}

} // namespace

std::string exit_word(std::uint8_t shutdown_reason)
{
    switch (shutdown_reason) {
    case SHUTDOWN_poweroff:
        return "poweroff";
    case SHUTDOWN_reboot:
        return "reboot";
    case SHUTDOWN_suspend:
        return "suspend";
    case SHUTDOWN_crash:
        return "crash";
    case SHUTDOWN_watchdog:
        return "watchdog";
    case SHUTDOWN_soft_reset:
        return "soft-reset";
    default:
        return "unknown";
    }
}

std::int64_t backoff_ms(std::uint32_t failures, const Settings& settings)
{
    if (failures <= 1)
        return 0;
    const std::uint32_t doublings = std::min(failures - 2, 30U);
    return std::min(settings.backoff_first_ms << doublings, settings.backoff_longest_ms);
}

Ending decide_end(
    const Record& record,
    const std::string& word,
    bool stop_asked,
    std::int64_t now_ms,
    const Settings& settings
)
{
    const rpc::StopAction action = action_for(record.domain.config, word);
    Ending end;
    if (action == rpc::StopAction::preserve) {
        end.phase = Phase::preserved;
        return end;
    }
    if (dumps(action))
        end.phase = Phase::dumping;
    if (!restarts(action) || stop_asked)
        return end;
    end.after = action == rpc::StopAction::rename_restart ? AfterEnd::keep : AfterEnd::restart;
    end.desired = Desired::running;
    const bool quick = now_ms - record.instance.started_ms < settings.quick_ms;
    end.failures = quick ? record.instance.failures + 1 : 0;
    end.not_before_ms = now_ms + backoff_ms(end.failures, settings);
    return end;
}

} // namespace zocalo::toolstack
