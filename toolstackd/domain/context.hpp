// SPDX-License-Identifier: Apache-2.0
// Context: what every part of the domain layer works with: the world's interfaces, the book, and
// how a durable step is taken. Made once by DomainLayer.
#pragma once

#include "toolstackd/console/consoles.hpp"
#include "toolstackd/domain/book.hpp"
#include "toolstackd/domain/clock.hpp"
#include "toolstackd/domain/foreign_names.hpp"
#include "toolstackd/domain/settings.hpp"
#include "toolstackd/domain/signal.hpp"
#include "toolstackd/sys/task_scope.hpp"
#include "toolstackd/xenstore/store.hpp"

#include <functional>
#include <map>
#include <set>

namespace zocalo::toolstack {

struct World {
    Hypervisor& hv;
    Store& store;
    Devices& devices;
    Consoles& consoles;
};

struct Context {
    Context(
        boost::asio::any_io_executor the_executor,
        World world,
        Database& database,
        Clock& the_clock,
        Settings the_settings
    );

    // Durable, then in the book, then told to whoever waits on `changed`.
    Answer<Unit> commit(Batch batch);
    // The same for what is true at most until the host boots again: nobody waits for the disk.
    Answer<Unit> commit_for_this_boot(Batch batch);
    // Keeps in mind for `zl doctor` whether the database could be written.
    void note(const Outcome<Written>& written);
    // Until `wake_ms` or until somebody notifies `changed`.
    Answer<Unit> sleep(std::int64_t ms);

    boost::asio::any_io_executor executor;
    Hypervisor& hv;
    Store& store;
    Devices& devices;
    Consoles& consoles;
    Database& db;
    Clock& clock;
    Settings settings;
    Book book;
    ForeignNames foreign_names;
    Signal changed;  // the book changed, or an operation's progress
    Mutex reserving; // names, disks, MACs and memory are promised under it
    TaskScope tasks;
    std::function<void(const rpc::Uuid&)> mark_dirty; // the actor of that uuid looks again
    std::function<void(const rpc::Uuid&)> take_up;    // a record that is new in the book
    std::map<rpc::Uuid, GiveUp> dumps;                // core files that are being written
    // Memory that was promised to instances that are not built yet; under `reserving`.
    std::map<rpc::Uuid, std::uint64_t> promised_kib;
    std::set<std::uint64_t> cancels; // operations that somebody asked to stop
    bool stopping{};
    std::string read_only;        // why the database cannot be trusted; empty: it can
    std::string database_trouble; // why the last commit failed; empty: it did not
};

Error read_only_error(const Context& ctx);

// An event about a domain, for a batch.
rpc::EventView
event_of(Context& ctx, const Record& record, std::string kind, boost::json::object body = {});

// Ends an operation within a batch, with its event.
void finish_op(Context& ctx, Batch& batch, OpRow op, const Outcome<Unit>& outcome);

} // namespace zocalo::toolstack
