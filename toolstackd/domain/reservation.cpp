// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/reservation.hpp"

#include <array>
#include <set>

namespace zocalo::toolstack {
namespace {

constexpr const char* kWriter = "disk";
constexpr const char* kReader = "disk-reader";
constexpr const char* kMac = "mac";

std::string mib(std::uint64_t kib)
{
    return std::to_string(kib / 1024) + " MiB";
}

std::string name_of(const Context& ctx, const rpc::Uuid& uuid)
{
    const Record* record = ctx.book.find(uuid);
    return record ? record->domain.name : rpc::text(uuid);
}

// Somebody who uses the disk and does not go along with `writer`; nullptr: nobody.
const ResourceRow*
rival(const Context& ctx, const std::string& identity, bool writer, const rpc::Uuid* except)
{
    for (const auto& [uuid, record] : ctx.book.records()) {
        if (except && uuid == *except)
            continue;
        for (const ResourceRow& row : record.resources)
            if ((row.kind == kWriter && row.key == identity) ||
                (writer && row.kind == kReader && row.key.starts_with(identity + " ")))
                return &row;
    }
    return nullptr;
}

std::string random_mac()
{
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto bytes = rpc::random_uuid().bytes;
    std::string mac = "00:16:3e"; // Xen's prefix
    for (std::size_t i = 0; i < 3; ++i) {
        const std::uint8_t byte = i == 0 ? bytes[i] & 0x7f : bytes[i];
        mac += ':';
        mac += kHex[byte >> 4];
        mac += kHex[byte & 0xf];
    }
    return mac;
}

std::uint64_t promised_kib(const Context& ctx, const std::vector<LiveDomain>& live)
{
    std::uint64_t sum = 0;
    for (const auto& [uuid, need] : ctx.promised_kib) {
        std::uint64_t has = 0;
        for (const LiveDomain& domain : live)
            if (domain.handle == uuid)
                has += domain.memory_kib;
        sum += need > has ? need - has : 0;
    }
    return sum;
}

} // namespace

std::uint64_t memory_need_kib(const rpc::DomainConfig& config)
{
    constexpr std::uint64_t kDomainKib = 1024, kVcpuKib = 64;
    std::uint64_t need = config.memory_mib * 1024 + kDomainKib + kVcpuKib * config.maxvcpus;
    if (config.type != rpc::GuestType::pv)
        need += 4 * (256 * config.maxvcpus + 2 * config.maxmem_mib); // the p2m's pool
    return need;
}

Answer<Unit> check_memory(Context& ctx, std::uint64_t need_kib)
{
    auto free = co_await ctx.hv.free_memory_kib();
    if (!free)
        co_return free.error();
    auto live = co_await ctx.hv.list();
    if (!live)
        co_return live.error();
    const std::uint64_t promised = promised_kib(ctx, *live);
    const std::uint64_t free_kib = *free;
    if (promised + need_kib <= free_kib)
        co_return Unit{};
    co_return Error{
        Code::conflict,
        "not enough memory: " + mib(need_kib) + " are needed, " + mib(free_kib) + " are free and " +
            mib(promised) + " of those are promised to domains that start now",
        "shrink or stop another domain, or lower memory="};
}

Outcome<std::vector<ResourceRow>> disk_rows(
    const Context& ctx, const rpc::Uuid& uuid, const std::vector<rpc::DiskConfig>& disks, bool renew
)
{
    std::vector<ResourceRow> rows;
    std::map<std::string, bool> mine; // identity → writable
    for (const rpc::DiskConfig& disk : disks) {
        if (disk.target.empty())
            continue;
        const std::string identity = ctx.settings.disk_identity(disk.target);
        const bool writer = !disk.readonly;
        if (const ResourceRow* other = rival(ctx, identity, writer, renew ? &uuid : nullptr))
            return Error{
                Code::conflict,
                "disk " + disk.vdev + ": " + disk.target + " is in use by domain " +
                    name_of(ctx, other->uuid),
                "stop that domain, or make the disk read-only in both"};
        const auto known = mine.find(identity);
        if (known != mine.end() && (writer || known->second))
            return Error{
                Code::conflict,
                "disk " + disk.vdev + ": " + disk.target + " is given twice, once writable",
                "give each image once"};
        mine[identity] = writer;
        const std::string reader_key =
            identity + " " + rpc::text(uuid) + " " + std::to_string(disk.devid.value_or(0));
        rows.push_back(
            {writer ? kWriter : kReader,
             writer ? identity : reader_key,
             uuid,
             ResourceState::reserved,
             disk.devid.value_or(0)}
        );
    }
    return rows;
}

Outcome<std::vector<ResourceRow>>
mac_rows(const Context& ctx, const rpc::Uuid& uuid, std::vector<rpc::NicConfig>& nics)
{
    std::vector<ResourceRow> rows;
    std::set<std::string> mine;
    for (rpc::NicConfig& nic : nics) {
        if (nic.mac.empty())
            do
                nic.mac = random_mac();
            while (ctx.book.holder(kMac, nic.mac) != nullptr || mine.contains(nic.mac));
        const ResourceRow* other = ctx.book.holder(kMac, nic.mac);
        if ((other && other->uuid != uuid) || !mine.insert(nic.mac).second)
            return Error{
                Code::conflict,
                "vif: mac " + nic.mac + " belongs to " +
                    (other ? "domain " + name_of(ctx, other->uuid) : "another vif of this domain"),
                "choose another one, or leave mac= out"};
        rows.push_back({kMac, nic.mac, uuid, ResourceState::live, nic.devid.value_or(0)});
    }
    return rows;
}

Answer<Unit>
promise_start(Context& ctx, Batch& batch, const DomainRow& domain, InstanceRow instance)
{
    auto disks = disk_rows(ctx, domain.uuid, domain.config.disks);
    if (!disks)
        co_return disks.error();
    const std::uint64_t need = memory_need_kib(domain.config);
    auto enough = co_await check_memory(ctx, need);
    if (!enough)
        co_return enough.error();
    instance.uuid = domain.uuid;
    instance.domid = -1;
    instance.boot_id = ctx.settings.boot_id;
    instance.boot_seq += 1;
    instance.phase = Phase::starting;
    instance.failures = 0;
    instance.not_before_ms = 0;
    batch.instances.push_back(std::move(instance));
    for (ResourceRow& row : *disks)
        batch.resources.push_back(std::move(row));
    for (const rpc::DiskConfig& disk : domain.config.disks)
        batch.devices.push_back({domain.uuid, disk, DeviceState::attaching});
    for (const rpc::NicConfig& nic : domain.config.nics)
        batch.devices.push_back({domain.uuid, nic, DeviceState::attaching});
    ctx.promised_kib[domain.uuid] = need;
    co_return Unit{};
}

} // namespace zocalo::toolstack
