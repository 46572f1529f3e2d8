// SPDX-License-Identifier: Apache-2.0
// Book: the database's contents in memory, changed only by batches that were committed. Reading it
// costs no I/O; `zl list` is answered from here.
#pragma once

#include "toolstackd/db/database.hpp"
#include "toolstackd/domain/record.hpp"

#include <deque>
#include <map>

namespace zocalo::toolstack {

class Book {
  public:
    void load(Contents contents);
    // `batch` is durable; `written` holds the numbers it was given.
    void apply(const Batch& batch, const Written& written);

    Record* find(const rpc::Uuid& uuid);
    const Record* find(const rpc::Uuid& uuid) const;
    const Record* by_name(const std::string& name) const;
    const std::map<rpc::Uuid, Record>& records() const { return records_; }
    std::map<rpc::Uuid, Record>& records() { return records_; }

    OpRow* op(std::uint64_t id);
    const std::map<std::uint64_t, OpRow>& ops() const { return ops_; }
    const OpRow* by_key(const std::string& idempotency_key) const;
    // Unfinished ones about that uuid, oldest first.
    std::vector<OpRow> active(const std::string& uuid) const;

    const std::deque<rpc::EventView>& events() const { return events_; }
    std::uint64_t last_event() const { return last_event_; }

    // Who holds a resource; nullptr: nobody.
    const ResourceRow* holder(const std::string& kind, const std::string& key) const;

    // The domain of that name whose console was served last, also when it is gone.
    const ConsoleRow* console_of(const std::string& name) const;

  private:
    void put_console(const ConsoleRow& row);
    void apply_rows(const Batch& batch);
    void apply_drops(const Batch& batch);
    void put_op(const OpRow& row, std::uint64_t id);

    std::map<rpc::Uuid, Record> records_;
    std::map<std::uint64_t, OpRow> ops_;
    std::map<std::string, std::uint64_t> keys_;
    std::map<std::string, std::map<std::uint64_t, bool>> active_; // uuid → ids, in order
    std::size_t finished_{};
    std::deque<rpc::EventView> events_;
    std::uint64_t last_event_{};
    std::map<rpc::Uuid, ConsoleRow> consoles_;
};

} // namespace zocalo::toolstack
