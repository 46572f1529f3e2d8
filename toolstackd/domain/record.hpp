// SPDX-License-Identifier: Apache-2.0
// Record: what the daemon knows of one domain: its rows, and what this process has done or seen
// that need not survive it. Written by the domain's actor only, read by everybody.
#pragma once

#include "common/error/error.hpp"
#include "toolstackd/db/rows.hpp"
#include "toolstackd/device/devices.hpp"
#include "toolstackd/sys/hypervisor.hpp"

#include <map>
#include <optional>

namespace zocalo::toolstack {

struct Record {
    DomainRow domain;
    InstanceRow instance;
    std::vector<ResourceRow> resources;
    std::vector<DeviceRow> devices;

    // Of this process only; all of it is found out again after a restart.
    bool clean{};    // nothing half-built is left in Xen or anywhere
    bool released{}; // the ending instance's devices and console are free
    bool followed{}; // this process serves the console and follows the frontends
    std::int64_t follow_again_ms{};
    bool turn{}; // a queued start may go, or with `queue_failure` never
    std::string queue_failure;
    std::optional<Error> failure; // why the instance ends before it ran
    std::optional<LiveDomain> seen;
    std::string unknown; // why the world could not be asked; empty: it could
    std::map<std::uint64_t, std::optional<Outcome<Unit>>> waits; // op → how waiting ended

    DeviceOwner owner() const
    {
        return {domain.uuid, DomId{static_cast<std::uint16_t>(instance.domid)}, domain.name};
    }
    DomId domid() const { return DomId{static_cast<std::uint16_t>(instance.domid)}; }
    bool live() const { return instance.phase != Phase::none && instance.phase != Phase::queued; }
};

std::vector<DeviceConfig> configs_of(const std::vector<DeviceRow>& rows);
DeviceKey key_of(const DeviceRow& row);

} // namespace zocalo::toolstack
