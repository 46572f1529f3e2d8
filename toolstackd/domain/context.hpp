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
    // Memory that was promised to instances that are not built yet; under `reserving`.
    std::map<rpc::Uuid, std::uint64_t> promised_kib;
    std::set<std::uint64_t> cancels; // operations that somebody asked to stop
    bool stopping{};
};

// An event about a domain, for a batch.
rpc::EventView
event_of(Context& ctx, const Record& record, std::string kind, boost::json::object body = {});

// Ends an operation within a batch, with its event.
void finish_op(Context& ctx, Batch& batch, OpRow op, const Outcome<Unit>& outcome);

} // namespace zocalo::toolstack
