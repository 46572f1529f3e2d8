// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/db/database.hpp"

#include "toolstackd/db/backup.hpp"
#include "toolstackd/db/console_table.hpp"
#include "toolstackd/db/device_table.hpp"
#include "toolstackd/db/domain_table.hpp"
#include "toolstackd/db/event_table.hpp"
#include "toolstackd/db/instance_table.hpp"
#include "toolstackd/db/meta_table.hpp"
#include "toolstackd/db/migrations.hpp"
#include "toolstackd/db/op_table.hpp"
#include "toolstackd/db/resource_table.hpp"
#include "toolstackd/sys/failpoint.hpp"
#include "toolstackd/sys/pool.hpp"

#include <cstdlib>

namespace zocalo::toolstack {
namespace {

constexpr std::uint64_t kPruneEvery = 256;

Outcome<Unit> check_whole(Connection& connection, const std::string& path)
{
    Statement query(connection, "PRAGMA quick_check(1)");
    auto row = query.next();
    if (row && *row && query.text(0) == "ok")
        return Unit{};
    return Error{
        Code::failed,
        "the database " + path + " is damaged: " + (row ? query.text(0) : row.error().what),
        "restore it from a backup, or move it away to start anew; running guests are not touched"};
}

// Drawn once, so that one database is told apart from another.
Outcome<Unit> give_id(Connection& connection)
{
    MetaTable meta(connection);
    if (TRY(meta.get("id")).empty())
        TRY(meta.put("id", rpc::text(rpc::random_uuid())));
    return Unit{};
}

} // namespace

Outcome<std::unique_ptr<Database>> Database::open(const std::string& path, Pool* pool)
{
    auto connection = Connection::open(path);
    if (!connection)
        return Error{
            connection.error().code,
            "cannot open the database " + path + ": " + connection.error().what,
            connection.error().next};
    TRY(check_whole(*connection, path));
    TRY(back_up_before_migration(*connection, path, embedded_migrations()));
    TRY(migrate(*connection, embedded_migrations()));
    TRY(give_id(*connection));
    return std::unique_ptr<Database>(new Database(std::move(connection).value(), pool));
}

Database::Database(Connection connection, Pool* pool)
    : connection_{std::move(connection)}, pool_{pool}
{
}

Answer<Contents> Database::load()
{
    if (pool_ == nullptr)
        co_return load_now();
    co_return co_await pool_->run([this] { return load_now(); });
}

Answer<Written> Database::commit(Batch batch)
{
    failpoint("db.commit:before");
    if (pool_ == nullptr) {
        auto written = commit_now(batch);
        failpoint("db.commit:after");
        co_return written;
    }
    auto work = [this, batch = std::move(batch)] { return commit_now(batch); };
    auto written = co_await pool_->run(std::move(work));
    failpoint("db.commit:after");
    co_return written;
}

Outcome<Stamp> Database::stamp()
{
    MetaTable meta(connection_);
    Stamp stamp;
    stamp.id = TRY(meta.get("id"));
    stamp.generation = std::strtoull(TRY(meta.get("generation")).c_str(), nullptr, 10);
    stamp.last_event = TRY(EventTable(connection_).last_sequence());
    return stamp;
}

Outcome<Stamp> Database::begin_generation_now(const std::string& stamp_file)
{
    stamp_ = TRY(stamp());
    ++stamp_.generation;
    TRY(MetaTable(connection_).put("generation", std::to_string(stamp_.generation)));
    stamp_file_ = TRY(StampFile::open(stamp_file));
    stamp_file_->write(stamp_);
    return stamp_;
}

Answer<Stamp> Database::begin_generation(std::string stamp_file)
{
    auto work = [this, stamp_file] { return begin_generation_now(stamp_file); };
    if (pool_ == nullptr)
        co_return work();
    co_return co_await pool_->run(work);
}

Outcome<Unit> Database::limit_pages(std::int64_t pages)
{
    return connection_.execute(("PRAGMA max_page_count=" + std::to_string(pages)).c_str());
}

Outcome<Contents> Database::load_now()
{
    Contents contents;
    contents.domains = TRY(DomainTable(connection_).all());
    contents.instances = TRY(InstanceTable(connection_).all());
    contents.ops = TRY(OpTable(connection_).recent(kOpsKept));
    contents.resources = TRY(ResourceTable(connection_).all());
    contents.devices = TRY(DeviceTable(connection_).all());
    contents.consoles = TRY(ConsoleTable(connection_).all());
    EventTable events(connection_);
    contents.events = TRY(events.newest(kEventsKept));
    contents.last_event = TRY(events.last_sequence());
    MetaTable meta(connection_);
    contents.boot_id = TRY(meta.get("boot_id"));
    contents.generation = std::strtoull(TRY(meta.get("generation")).c_str(), nullptr, 10);
    return contents;
}

Outcome<Written> Database::commit_now(const Batch& batch)
{
    TRY(sync_from_now(batch.durable));
    TRY(connection_.execute("BEGIN IMMEDIATE"));
    auto written = write(batch);
    if (written) {
        auto committed = connection_.execute("COMMIT");
        if (committed) {
            ++commits_;
            synced_ += batch.durable ? 1 : 0;
            if (stamp_file_ && !written->event_seqs.empty()) {
                stamp_.last_event = written->event_seqs.back();
                stamp_file_->write(stamp_);
            }
            return written;
        }
        written = committed.error();
    }
    // SQLite may have rolled back by itself already (SQLITE_FULL, SQLITE_IOERR).
    if (!connection_.execute("ROLLBACK"))
        return written;
    return written;
}

// In WAL mode NORMAL is consistent after a power cut, too, but may lose the last transactions; a
// later FULL one brings them to the disk with itself.
Outcome<Unit> Database::sync_from_now(bool full)
{
    if (syncs_ == full)
        return Unit{};
    TRY(connection_.execute(full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL"));
    syncs_ = full;
    return Unit{};
}

Outcome<Unit> Database::write_drops(const Batch& batch)
{
    for (const DeviceRef& device : batch.dropped_devices)
        TRY(DeviceTable(connection_).drop(device));
    for (const ResourceRow& resource : batch.dropped_resources)
        TRY(ResourceTable(connection_).drop(resource));
    for (const rpc::Uuid& uuid : batch.dropped_domains)
        TRY(DomainTable(connection_).drop(uuid));
    return Unit{};
}

Outcome<Written> Database::write(const Batch& batch)
{
    Written written;
    TRY(write_drops(batch));
    for (const DomainRow& row : batch.domains)
        TRY(DomainTable(connection_).put(row));
    for (const InstanceRow& row : batch.instances)
        TRY(InstanceTable(connection_).put(row));
    for (const ResourceRow& row : batch.resources)
        TRY(ResourceTable(connection_).put(row));
    for (const DeviceRow& row : batch.devices)
        TRY(DeviceTable(connection_).put(row));
    for (const ConsoleRow& row : batch.consoles)
        TRY(ConsoleTable(connection_).put(row));
    for (const OpRow& row : batch.ops)
        written.op_ids.push_back(TRY(OpTable(connection_).put(row)));
    for (const rpc::EventView& event : batch.events)
        written.event_seqs.push_back(TRY(EventTable(connection_).add(event)));
    for (const auto& [key, value] : batch.meta)
        TRY(MetaTable(connection_).put(key, value));
    if (batch.host_booted)
        TRY(leave_out_numbers());
    TRY(prune_sometimes(written));
    return written;
}

// SQLite writes the WAL to the disk at each checkpoint (1000 pages), so a power cut loses fewer
// numbers than these.
Outcome<Unit> Database::leave_out_numbers()
{
    return connection_.execute(
        "UPDATE sqlite_sequence SET seq = seq + 100000 WHERE name IN ('event', 'op')"
    );
}

Outcome<Unit> Database::prune_sometimes(const Written& written)
{
    for (const std::uint64_t seq : written.event_seqs)
        if (seq % kPruneEvery == 0) {
            TRY(EventTable(connection_).prune(kEventsKept));
            TRY(OpTable(connection_).prune(kOpsKept));
            TRY(ConsoleTable(connection_).prune(kConsolesKept));
        }
    return Unit{};
}

} // namespace zocalo::toolstack
