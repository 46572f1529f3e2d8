// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/app/database_guard.hpp"

#include "toolstackd/app/parts.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <unistd.h>

namespace zocalo::toolstack {
namespace {

constexpr const char* kStorePath = "/tool/zocalo/database";

std::string stamp_path(const Config& config)
{
    return config.run_folder + "/database.stamp";
}

// Why it cannot be trusted; empty: it can.
Answer<std::string> find_doubt(Parts& parts)
{
    if (!parts.database_trouble.empty())
        co_return parts.database_trouble;
    auto now = parts.database->stamp();
    if (!now)
        co_return describe(now.error());
    const auto in_run = read_stamp(stamp_path(parts.config));
    std::string why = in_run ? doubt(*now, *in_run) : "";
    if (!why.empty())
        co_return why;
    auto in_store = co_await parts.store->read(kStorePath);
    if (in_store && *in_store)
        if (const auto seen = parse_stamp(**in_store))
            why = doubt(*now, *seen);
    co_return why;
}

Answer<Unit> stamp_store(Store& store, const Stamp& stamp)
{
    std::vector<StoreChange> changes{{StoreChange::Kind::write, kStorePath, text(stamp), {}}};
    co_return co_await store.commit(std::move(changes), {});
}

boost::asio::awaitable<void> forget_store_stamp(Store& store, Outcome<Unit>& outcome)
{
    std::vector<StoreChange> changes{{StoreChange::Kind::remove, kStorePath, {}, {}}};
    outcome = co_await store.commit(std::move(changes), {});
}

} // namespace

std::string database_path(const Config& config)
{
    return config.state_folder + "/domains.db";
}

std::string missing_database(const Config& config)
{
    const std::string path = database_path(config);
    if (::access(path.c_str(), F_OK) == 0 || !read_stamp(stamp_path(config)))
        return {};
    return "the database " + path + " is missing";
}

boost::asio::awaitable<void> guard_database(Parts& parts)
{
    auto doubted = co_await find_doubt(parts);
    std::string why = doubted ? *doubted : describe(doubted.error());
    if (why.empty()) {
        auto begun = co_await parts.database->begin_generation(stamp_path(parts.config));
        if (!begun)
            why = describe(begun.error());
        else if (auto stamped = co_await stamp_store(*parts.store, *begun); !stamped)
            log_warning("the database's stamp is not in xenstore: " + describe(stamped.error()));
    }
    if (why.empty())
        co_return;
    log_error("starting read-only: " + why);
    parts.domains->only_read(why);
}

Outcome<Unit> accept_database(const Config& config)
{
    const std::string path = database_path(config);
    if (const auto opened = Database::open(path); !opened) {
        const std::string aside = path + ".damaged-" + std::to_string(std::time(nullptr));
        if (std::rename(path.c_str(), aside.c_str()) != 0 && errno != ENOENT)
            return system_error("cannot move " + path + " out of the way", errno);
        for (const char* part : {"-wal", "-shm"})
            static_cast<void>(std::rename((path + part).c_str(), (aside + part).c_str()));
        std::printf(
            "%s is kept as %s: %s\n", path.c_str(), aside.c_str(), opened.error().what.c_str()
        );
    }
    if (std::remove(stamp_path(config).c_str()) != 0 && errno != ENOENT)
        return system_error("cannot remove " + stamp_path(config), errno);
    boost::asio::io_context context{1};
    XenStore store(context.get_executor(), XenStoreOptions{});
    Outcome<Unit> outcome{Unit{}};
    auto ended = [&context](std::exception_ptr) { context.stop(); };
    boost::asio::co_spawn(context, forget_store_stamp(store, outcome), ended);
    context.run();
    if (outcome)
        std::puts("restart toolstackd: it goes on with the database that is there");
    return outcome;
}

} // namespace zocalo::toolstack
