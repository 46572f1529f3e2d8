// SPDX-License-Identifier: Apache-2.0
// Database: the durable memory of the domain layer. One commit is one transaction, which was
// fsynced when it is answered if the batch asks for it; it changes everything of its batch or
// nothing. Used by toolstackd/domain and by nobody else; it knows no Xen and no rule about domains.
#pragma once

#include "toolstackd/db/connection.hpp"
#include "toolstackd/db/rows.hpp"
#include "toolstackd/db/stamp.hpp"
#include "toolstackd/sys/answer.hpp"

namespace zocalo::toolstack {

class Pool;

// What the database itself numbered in a batch, in the batch's order.
struct Written {
    std::vector<std::uint64_t> op_ids, event_seqs;
};

class Database {
  public:
    static constexpr std::int64_t kEventsKept = 10'000;
    static constexpr std::int64_t kOpsKept = 1'000;
    static constexpr std::int64_t kConsolesKept = 1'000;

    // Opens `path`, checks that the file is whole (PRAGMA quick_check) and migrates it, after a
    // copy of what it was went to `path`.schema-N. With a
    // pool of one thread every later call runs there; without one it runs where it is called,
    // which is meant for tests. Code::failed with the way out for a damaged file, Code::unsupported
    // for one of a newer program.
    static Outcome<std::unique_ptr<Database>> open(const std::string& path, Pool* pool = nullptr);

    Answer<Contents> load();
    // Code::conflict: a name, a resource or an idempotency key is taken. Nothing was changed then.
    Answer<Written> commit(Batch batch);

    // Which state of which database this is.
    Outcome<Stamp> stamp();
    // A new start of the daemon: counted, and from now on each commit is stamped in `stamp_file`.
    Answer<Stamp> begin_generation(std::string stamp_file);

    // How large the file may become; a batch that needs more fails as on a full disk.
    Outcome<Unit> limit_pages(std::int64_t pages);

    // Transactions that were committed since `open`, and how many of them waited for the disk.
    std::uint64_t commits() const { return commits_; }
    std::uint64_t synced() const { return synced_; }

  private:
    explicit Database(Connection connection, Pool* pool);
    Outcome<Contents> load_now();
    Outcome<Written> commit_now(const Batch& batch);
    Outcome<Written> write(const Batch& batch);
    Outcome<Unit> sync_from_now(bool full);
    Outcome<Unit> write_drops(const Batch& batch);
    Outcome<Unit> leave_out_numbers();
    Outcome<Unit> prune_sometimes(const Written& written);
    Outcome<Stamp> begin_generation_now(const std::string& stamp_file);

    Connection connection_;
    Pool* pool_;
    std::uint64_t commits_{}, synced_{};
    bool syncs_{true}; // PRAGMA synchronous is FULL
    Stamp stamp_;
    std::optional<StampFile> stamp_file_;
};

} // namespace zocalo::toolstack
