// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/domain/invariants.hpp"

namespace zocalo::toolstack::testing {
namespace {

using Broken = std::vector<std::string>;

const InstanceRow* instance_of(const Contents& kept, const rpc::Uuid& uuid)
{
    for (const InstanceRow& row : kept.instances)
        if (row.uuid == uuid)
            return &row;
    return nullptr;
}

// 1, 2, 12: what is in Xen is recorded as such, or foreign; nothing twice.
void check_domains(const FakeWorld& world, const Contents& kept, Broken& broken)
{
    std::map<rpc::Uuid, int> seen;
    for (const auto& [domid, guest] : world.guests) {
        if (guest.foreign)
            continue;
        const InstanceRow* row = instance_of(kept, guest.live.handle);
        const std::string which = "domain " + std::to_string(domid.value);
        if (row == nullptr || row->domid != domid.value)
            broken.push_back("1: " + which + " belongs to nobody");
        else if (row->phase != Phase::running && row->phase != Phase::preserved)
            broken.push_back("1: " + which + " is not recorded as running");
        if (++seen[guest.live.handle] > 1)
            broken.push_back("2: two domains of one uuid");
    }
    for (const InstanceRow& row : kept.instances) {
        const bool alive = row.phase == Phase::running || row.phase == Phase::preserved;
        const auto there = world.guests.find(DomId{static_cast<std::uint16_t>(row.domid)});
        if (alive && (there == world.guests.end() || there->second.live.handle != row.uuid))
            broken.push_back("1: a domain recorded as running is not in Xen");
        if (!alive && row.phase != Phase::none)
            broken.push_back("1: an instance is stuck on its way");
    }
    std::set<std::string> names;
    for (const DomainRow& row : kept.domains)
        if (!names.insert(row.name).second)
            broken.push_back("2: the name " + row.name + " is used twice");
}

// 4, 7: rows and objects go together.
void check_resources(const FakeWorld& world, const Contents& kept, Broken& broken)
{
    std::set<rpc::Uuid> live;
    for (const InstanceRow& row : kept.instances)
        if (row.phase == Phase::running || row.phase == Phase::preserved)
            live.insert(row.uuid);
    for (const ResourceRow& row : kept.resources) {
        if (row.kind != "mac" && !live.contains(row.uuid))
            broken.push_back("4: " + row.key + " is held by a domain that does not run");
        if (row.kind != "mac" && row.state != ResourceState::live)
            broken.push_back("7: " + row.key + " is neither used nor free");
    }
    std::set<std::pair<rpc::Uuid, DeviceKey>> recorded;
    for (const DeviceRow& row : kept.devices) {
        const DeviceRef device = ref_of(row);
        const DeviceKey key{device.disk ? DeviceKind::disk : DeviceKind::nic, device.devid};
        recorded.insert({row.uuid, key});
        const auto process = world.processes.find(row.uuid);
        if (process == world.processes.end() || !process->second.devices.contains(key))
            broken.push_back("7: a recorded device has no backend");
    }
    for (const auto& [uuid, process] : world.processes)
        for (const auto& [key, config] : process.devices)
            if (!recorded.contains({uuid, key}))
                broken.push_back("7: a backend serves a device that is not recorded");
}

// 8: no node of a domain that is gone.
void check_nodes(const FakeWorld& world, Broken& broken)
{
    std::set<std::string> vms;
    for (const auto& [domid, guest] : world.guests)
        vms.insert("/vm/" + rpc::text(guest.live.handle));
    for (const auto& [path, value] : world.nodes) {
        for (const char* prefix :
             {"/local/domain/",
              "/libxl/",
              "/local/domain/0/zocalo/backend/zblk/",
              "/local/domain/0/zocalo/backend/znet/"})
            if (const auto domid = domid_in(path, prefix))
                if (!world.guests.contains(DomId{*domid}))
                    broken.push_back("8: left in xenstore: " + path);
        if (path.starts_with("/vm/") && !vms.contains(path.substr(0, 40)))
            broken.push_back("8: left in xenstore: " + path);
    }
}

// 14: a guest that runs is served.
void check_service(const FakeWorld& world, const Contents& kept, Broken& broken)
{
    for (const InstanceRow& row : kept.instances) {
        if (row.phase != Phase::running || row.console_frame == 0)
            continue;
        if (!world.consoles.contains(row.uuid))
            broken.push_back("14: a running domain's console is not served");
        if (!world.followed.contains(row.uuid) && world.processes.contains(row.uuid))
            broken.push_back("14: a running domain's devices are not followed");
    }
}

} // namespace

std::vector<std::string> broken_invariants(Harness& harness)
{
    Broken broken = harness.world.violations;
    auto loaded = harness.run(harness.db->load());
    if (!loaded || !*loaded) {
        broken.emplace_back("the database cannot be read");
        return broken;
    }
    const Contents& kept = **loaded;
    check_domains(harness.world, kept, broken);
    check_resources(harness.world, kept, broken);
    check_nodes(harness.world, broken);
    check_service(harness.world, kept, broken);
    std::set<std::string> keys;
    for (const OpRow& op : kept.ops) {
        if (op.finished_ms == 0)
            broken.push_back("5: operation " + std::to_string(op.id) + " is not finished");
        if (!op.idem_key.empty() && !keys.insert(op.idem_key).second)
            broken.push_back("5: a key ran twice");
    }
    return broken;
}

} // namespace zocalo::toolstack::testing
