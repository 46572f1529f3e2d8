// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/book.hpp"

#include <algorithm>

namespace zocalo::toolstack {
namespace {

bool same_device(const DeviceRef& a, const DeviceRef& b)
{
    return a.disk == b.disk && a.devid == b.devid;
}

void put_device(Record& record, const DeviceRow& row)
{
    for (DeviceRow& known : record.devices)
        if (same_device(ref_of(known), ref_of(row))) {
            known = row;
            return;
        }
    record.devices.push_back(row);
}

void put_resource(Record& record, const ResourceRow& row)
{
    for (ResourceRow& known : record.resources)
        if (known.kind == row.kind && known.key == row.key) {
            known = row;
            return;
        }
    record.resources.push_back(row);
}

} // namespace

void Book::load(Contents contents)
{
    Batch batch;
    batch.domains = std::move(contents.domains);
    batch.instances = std::move(contents.instances);
    batch.resources = std::move(contents.resources);
    batch.devices = std::move(contents.devices);
    batch.consoles = std::move(contents.consoles);
    apply_rows(batch);
    for (const OpRow& row : contents.ops)
        put_op(row, row.id);
    events_.assign(contents.events.begin(), contents.events.end());
    last_event_ = contents.last_event;
}

void Book::apply(const Batch& batch, const Written& written)
{
    apply_drops(batch);
    apply_rows(batch);
    for (std::size_t i = 0; i < batch.ops.size(); ++i)
        put_op(batch.ops[i], written.op_ids[i]);
    for (std::size_t i = 0; i < batch.events.size(); ++i) {
        events_.push_back(batch.events[i]);
        last_event_ = events_.back().seq = written.event_seqs[i];
    }
    while (events_.size() > static_cast<std::size_t>(Database::kEventsKept))
        events_.pop_front();
}

void Book::apply_rows(const Batch& batch)
{
    for (const DomainRow& row : batch.domains)
        records_[row.uuid].domain = row;
    for (const InstanceRow& row : batch.instances)
        records_[row.uuid].instance = row;
    for (const ResourceRow& row : batch.resources)
        put_resource(records_[row.uuid], row);
    for (const DeviceRow& row : batch.devices)
        put_device(records_[row.uuid], row);
    for (const ConsoleRow& row : batch.consoles)
        put_console(row);
}

void Book::put_console(const ConsoleRow& row)
{
    consoles_[row.uuid] = row;
    if (consoles_.size() <= static_cast<std::size_t>(Database::kConsolesKept))
        return;
    consoles_.erase(std::ranges::min_element(consoles_, {}, [](const auto& entry) {
        return entry.second.started_ms;
    }));
}

void Book::apply_drops(const Batch& batch)
{
    for (const DeviceRef& device : batch.dropped_devices)
        std::erase_if(records_[device.uuid].devices, [&](const DeviceRow& row) {
            return same_device(ref_of(row), device);
        });
    for (const ResourceRow& resource : batch.dropped_resources)
        std::erase_if(records_[resource.uuid].resources, [&](const ResourceRow& row) {
            return row.kind == resource.kind && row.key == resource.key;
        });
    for (const rpc::Uuid& uuid : batch.dropped_domains)
        records_.erase(uuid);
}

void Book::put_op(const OpRow& row, std::uint64_t id)
{
    auto& known = ops_[id];
    const bool was_finished = known.finished_ms != 0;
    known = row;
    known.id = id;
    if (!row.idem_key.empty())
        keys_[row.idem_key] = id;
    if (row.finished_ms == 0) {
        active_[row.uuid][id] = true;
        return;
    }
    if (auto entry = active_.find(row.uuid); entry != active_.end()) {
        entry->second.erase(id);
        if (entry->second.empty())
            active_.erase(entry);
    }
    finished_ += was_finished ? 0 : 1;
    for (auto old = ops_.begin(); finished_ > static_cast<std::size_t>(Database::kOpsKept);) {
        if (old->second.finished_ms == 0) {
            ++old;
            continue;
        }
        keys_.erase(old->second.idem_key);
        old = ops_.erase(old);
        --finished_;
    }
}

Record* Book::find(const rpc::Uuid& uuid)
{
    const auto found = records_.find(uuid);
    return found == records_.end() ? nullptr : &found->second;
}

const Record* Book::find(const rpc::Uuid& uuid) const
{
    const auto found = records_.find(uuid);
    return found == records_.end() ? nullptr : &found->second;
}

const Record* Book::by_name(const std::string& name) const
{
    for (const auto& [uuid, record] : records_)
        if (record.domain.name == name)
            return &record;
    return nullptr;
}

const ConsoleRow* Book::console_of(const std::string& name) const
{
    const ConsoleRow* newest = nullptr;
    for (const auto& [uuid, row] : consoles_)
        if (row.name == name && (newest == nullptr || row.started_ms > newest->started_ms))
            newest = &row;
    return newest;
}

OpRow* Book::op(std::uint64_t id)
{
    const auto found = ops_.find(id);
    return found == ops_.end() ? nullptr : &found->second;
}

const OpRow* Book::by_key(const std::string& idempotency_key) const
{
    const auto found = keys_.find(idempotency_key);
    return found == keys_.end() ? nullptr : &ops_.at(found->second);
}

std::vector<OpRow> Book::active(const std::string& uuid) const
{
    std::vector<OpRow> found;
    if (const auto entry = active_.find(uuid); entry != active_.end())
        for (const auto& [id, unused] : entry->second)
            found.push_back(ops_.at(id));
    return found;
}

const ResourceRow* Book::holder(const std::string& kind, const std::string& key) const
{
    for (const auto& [uuid, record] : records_)
        for (const ResourceRow& row : record.resources)
            if (row.kind == kind && row.key == key)
                return &row;
    return nullptr;
}

} // namespace zocalo::toolstack
