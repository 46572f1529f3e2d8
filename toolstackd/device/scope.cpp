// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/device/scope.hpp"

#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

#include <cstdint>
#include <memory>

namespace zocalo::toolstack {
namespace {

struct CloseBus {
    void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
};

struct FreeError {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    ~FreeError() { sd_bus_error_free(&error); }
};

} // namespace

Outcome<Unit> move_to_scope(const std::string& unit, pid_t pid, const std::string& description)
{
    if (sd_booted() <= 0)
        return Error{Code::unsupported, "systemd does not run here", {}};
    sd_bus* raw = nullptr;
    if (const int rc = sd_bus_open_system(&raw); rc < 0)
        return system_error("cannot reach systemd", -rc);
    const std::unique_ptr<sd_bus, CloseBus> bus(raw);
    sd_bus_set_method_call_timeout(bus.get(), 5'000'000);
    FreeError failure;
    const int rc = sd_bus_call_method(
        bus.get(),
        "org.freedesktop.systemd1",
        "/org/freedesktop/systemd1",
        "org.freedesktop.systemd1.Manager",
        "StartTransientUnit",
        &failure.error,
        nullptr,
        "ssa(sv)a(sa(sv))",
        unit.c_str(),
        "fail",
        4,
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

} // namespace zocalo::toolstack
