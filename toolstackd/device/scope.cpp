// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/device/scope.hpp"

#include "toolstackd/sys/log.hpp"

#include <boost/asio/post.hpp>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

#include <cstdint>
#include <fstream>
#include <utility>

namespace zocalo::toolstack {
namespace {

// More threads than any backend has, and the buffers of as many devices as one process may serve.
constexpr std::uint64_t kMostTasks = 8;
constexpr std::uint64_t kMostMemory = std::uint64_t{768} << 20;

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

Outcome<Unit>
start_scope(sd_bus* bus, const std::string& unit, pid_t pid, const std::string& description)
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
        unit.c_str(),
        "fail",
        6,
        "Description",
        "s",
        description.c_str(),
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
        "TasksMax",
        "t",
        kMostTasks,
        "MemoryMax",
        "t",
        kMostMemory,
        0
    );
    if (rc < 0)
        return Error{
            Code::failed,
            "cannot start " + unit + ": " +
                (failure.error.message != nullptr ? failure.error.message : "no answer"),
            {}};
    return Unit{};
}

std::string group_of(const std::string& pid)
{
    std::ifstream file("/proc/" + pid + "/cgroup");
    std::string line;
    std::getline(file, line);
    return line;
}

} // namespace

void Scopes::CloseBus::operator()(sd_bus* bus) const
{
    sd_bus_flush_close_unref(bus);
}

// At once, so that the first guest does not wait for it.
Scopes::Scopes()
{
    boost::asio::post(thread_, [this] { static_cast<void>(bus()); });
}

Scopes::~Scopes()
{
    thread_.join();
}

Outcome<sd_bus*> Scopes::bus()
{
    if (sd_booted() <= 0)
        return Error{Code::unsupported, "systemd does not run here", {}};
    if (!bus_ || sd_bus_is_open(bus_.get()) <= 0)
        bus_.reset(TRY(open_bus()));
    return bus_.get();
}

Outcome<Unit> Scopes::try_move(const std::string& unit, pid_t pid, const std::string& description)
{
    sd_bus* opened = TRY(bus());
    auto moved = start_scope(opened, unit, pid, description);
    if (!moved)
        bus_.reset(); // the next one tries a new connection
    return moved;
}

void Scopes::move(std::string unit, pid_t pid, std::string description)
{
    if (sd_booted() <= 0)
        return;
    auto work = [this, unit = std::move(unit), pid, description = std::move(description)] {
        const bool old = bus_ != nullptr;
        auto moved = try_move(unit, pid, description);
        if (!moved && old) // the bus was restarted, or dropped us, since the last time
            moved = try_move(unit, pid, description);
        if (!moved)
            log_warning("no scope for " + description + ": " + describe(moved.error()));
    };
    boost::asio::post(thread_, std::move(work));
}

bool in_our_group(pid_t pid)
{
    const std::string ours = group_of("self");
    return !ours.empty() && ours == group_of(std::to_string(pid));
}

} // namespace zocalo::toolstack
