// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/device/backend_scope.hpp"

#include "toolstackd/device/control_group.hpp"
#include "toolstackd/sys/log.hpp"

#include <boost/asio/post.hpp>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

#include <chrono>
#include <cstdint>
#include <thread>
#include <utility>

namespace zocalo::toolstack {
namespace {

constexpr const char* kUnit = "zocalo-backends.scope";
const std::string kTree = std::string{"/sys/fs/cgroup/system.slice/"} + kUnit;
// A scope whose last process has just ended goes within milliseconds; until then there can be no
// new one.
constexpr int kStarts = 5;
constexpr std::chrono::milliseconds kBetweenStarts{100};
constexpr int kLooks = 200;
constexpr std::chrono::milliseconds kBetweenLooks{10};

struct FreeError {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    ~FreeError() { sd_bus_error_free(&error); }
};

Outcome<sd_bus*> open_bus()
{
    sd_bus* bus = nullptr;
    if (const int rc = sd_bus_open_system(&bus); rc < 0)
        return system_error("cannot reach systemd", -rc);
    sd_bus_set_method_call_timeout(bus, 5'000'000);
    // Only asking for our name completes the handshake. The bus's daemon drops, after half a
    // minute, whoever has not; the first guest came later and its backend stayed in our own group.
    const char* name = nullptr;
    if (const int rc = sd_bus_get_unique_name(bus, &name); rc < 0) {
        sd_bus_close_unref(bus);
        return system_error("cannot reach systemd", -rc);
    }
    return bus;
}

// DelegateControllers: the groups below the scope's are ours to make. These two are on everywhere;
// for others (Delegate=yes means all) systemd would turn them on for system.slice, and the kernel
// lets nobody start a thread for a tenth of a second. Before: when the host shuts down, what is
// ordered before is stopped after; guests need their disks until the last of them has gone.
Outcome<Unit> start_scope(sd_bus* bus, pid_t pid)
{
    FreeError failure;
    const int rc = sd_bus_call_method(
        bus,
        "org.freedesktop.systemd1",
        "/org/freedesktop/systemd1",
        "org.freedesktop.systemd1.Manager",
        "StartTransientUnit",
        &failure.error,
        nullptr,
        "ssa(sv)a(sa(sv))",
        kUnit,
        "fail",
        7,
        "Description",
        "s",
        "Zócalo's disk and network backends",
        "PIDs",
        "au",
        1,
        static_cast<std::uint32_t>(pid),
        "Slice",
        "s",
        "system.slice",
        "CollectMode",
        "s",
        "inactive-or-failed",
        "DelegateControllers",
        "as",
        2,
        "memory",
        "pids",
        "TasksMax",
        "t",
        UINT64_MAX, // each group has its own limit
        "Before",
        "as",
        1,
        "zocalo-guests.service",
        0
    );
    if (rc < 0)
        return Error{
            Code::failed,
            std::string{"cannot start "} + kUnit + ": " +
                (failure.error.message != nullptr ? failure.error.message : "no answer"),
            {}};
    return Unit{};
}

} // namespace

void BackendScope::CloseBus::operator()(sd_bus* bus) const
{
    sd_bus_flush_close_unref(bus);
}

// At once, so that the first guest does not wait for it.
BackendScope::BackendScope()
{
    boost::asio::post(thread_, [this] { static_cast<void>(bus()); });
}

BackendScope::~BackendScope()
{
    thread_.join();
}

Outcome<sd_bus*> BackendScope::bus()
{
    if (sd_booted() <= 0)
        return Error{Code::unsupported, "systemd does not run here", {}};
    if (!bus_ || sd_bus_is_open(bus_.get()) <= 0)
        bus_.reset(TRY(open_bus()));
    return bus_.get();
}

// The scope, with the process in its root. systemd answers before it has moved it there, and would
// fetch it back from wherever it has gone meanwhile.
Outcome<Unit> BackendScope::start_with(pid_t pid)
{
    auto started = start_scope(TRY(bus()), pid);
    if (!started) {
        bus_.reset(); // it may have been restarted, or have dropped us: the next one connects anew
        return started;
    }
    for (int i = 0; i < kLooks; ++i) {
        const std::string group = group_of(pid);
        if (group.empty() || group == std::string{"system.slice/"} + kUnit)
            return Unit{};
        std::this_thread::sleep_for(kBetweenLooks);
    }
    return Error{Code::timeout, std::string{kUnit} + " has not taken its first process", {}};
}

Outcome<Unit> BackendScope::try_move(const std::string& group, pid_t pid)
{
    auto moved = put_into_group(kTree, group, pid);
    for (int i = 0; !moved && moved.error().code == Code::not_found && i < kStarts; ++i) {
        if (i != 0)
            std::this_thread::sleep_for(kBetweenStarts);
        if (group_of(pid).empty())
            return Unit{}; // it has ended
        auto started = start_with(pid);
        moved = started ? put_into_group(kTree, group, pid)
                        : Outcome<Unit>{Error{Code::not_found, started.error().what, {}}};
    }
    return moved;
}

void BackendScope::move(std::string group, pid_t pid)
{
    if (sd_booted() <= 0)
        return;
    boost::asio::post(thread_, [this, group = std::move(group), pid] {
        auto moved = try_move(group, pid);
        if (!moved)
            log_warning("no control group for " + group + ": " + describe(moved.error()));
    });
}

void BackendScope::remove(std::string group)
{
    boost::asio::post(thread_, [group = std::move(group)] { remove_group(kTree, group); });
}

void BackendScope::remove_empty()
{
    boost::asio::post(thread_, [] { remove_empty_groups(kTree); });
}

bool BackendScope::holds(const std::string& group, pid_t pid)
{
    return group_of(pid) == std::string{kUnit} + "/" + group;
}

} // namespace zocalo::toolstack
