// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/xenstore/xen_store.hpp"

#include "common/xen-proto/xs_wire.hpp"
#include "toolstackd/xenstore/commit.hpp"
#include "toolstackd/xenstore/watch_table.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <utility>

namespace zocalo::toolstack {
namespace asio = boost::asio;

struct XenStore::State : std::enable_shared_from_this<XenStore::State> {
    State(asio::any_io_executor on, XenStoreOptions with)
        : executor(std::move(on)), options(std::move(with)), reconnect(executor),
          pause(options.reconnect_first)
    {
    }

    void open();
    void retry_later();
    void lost();
    void stop();
    void on_watch(std::string_view path, std::string_view token);
    Answer<XsReply> ask(XsRequest request);
    Answer<Unit> attempt(const Commit& commit, bool& again);

    asio::any_io_executor executor;
    XenStoreOptions options;
    asio::steady_timer reconnect;
    std::chrono::milliseconds pause;
    std::shared_ptr<XsConnection> connection;
    std::uint64_t sent_before{}; // over connections that ended
    WatchTable watches;
    std::minstd_rand random{std::random_device{}()};
    bool stopped{};
};

namespace {

using State = XenStore::State;

Error down()
{
    return Error{
        Code::unreachable,
        "xenstored is not reachable",
        "see `systemctl status xenstored`; running guests go on"};
}

// Ends the watch when the last copy of the handle goes.
struct WatchHandle {
    std::weak_ptr<State> state;
    WatchTable::Token token;

    WatchHandle(std::weak_ptr<State> of, WatchTable::Token t) : state(std::move(of)), token(t) {}
    WatchHandle(const WatchHandle&) = delete;
    WatchHandle& operator=(const WatchHandle&) = delete;
    ~WatchHandle()
    {
        const auto s = state.lock();
        if (!s)
            return;
        const auto path = s->watches.remove(token);
        if (path && s->connection)
            s->connection->send(0, unwatch_request(*path, std::to_string(token)));
    }
};

void add_names(std::vector<std::string>& names, std::string_view list)
{
    std::string_view name;
    while (xen::next_string(list, name))
        if (!name.empty())
            names.emplace_back(name);
}

} // namespace

void State::open()
{
    if (stopped)
        return;
    auto endpoint = options.connect();
    if (!endpoint)
        return retry_later();
    pause = options.reconnect_first;
    const std::weak_ptr<State> weak = weak_from_this();
    XsConnection::Handlers handlers;
    handlers.on_watch = [weak](std::string_view path, std::string_view token) {
        if (const auto self = weak.lock())
            self->on_watch(path, token);
    };
    handlers.on_closed = [weak](const Error&) {
        if (const auto self = weak.lock())
            self->lost();
    };
    const auto line = XsConnection::adopt(executor, std::move(*endpoint), std::move(handlers));
    connection = line;
    for (const WatchTable::Armed& watch : watches.all())
        line->send(0, watch_request(watch.path, std::to_string(watch.token)));
}

void State::retry_later()
{
    reconnect.expires_after(pause);
    pause = std::min(pause * 2, options.reconnect_most);
    reconnect.async_wait([weak = weak_from_this()](boost::system::error_code error) {
        if (const auto self = weak.lock(); self && !error)
            self->open();
    });
}

void State::lost()
{
    if (connection)
        sent_before += connection->sent();
    connection.reset();
    if (!stopped)
        retry_later();
}

void State::stop()
{
    stopped = true;
    reconnect.cancel();
    if (const auto last = std::exchange(connection, nullptr))
        last->close();
}

void State::on_watch(std::string_view path, std::string_view token)
{
    WatchTable::Token number{};
    const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), number);
    if (error != std::errc{} || end != token.data() + token.size())
        return;
    auto queued = watches.note(number, path);
    if (!queued)
        return;
    asio::post(executor, [self = shared_from_this(), number, call = std::move(*queued)] {
        self->watches.run(number, call);
    });
}

Answer<XsReply> State::ask(XsRequest request)
{
    const auto line = connection;
    if (!line)
        co_return down();
    std::vector<XsRequest> requests{std::move(request)};
    auto replies = co_await line->exchange(0, std::move(requests), options.request_limit);
    if (!replies)
        co_return replies.error();
    co_return std::move(replies->front());
}

// One transaction from start to end; `again` when xenstored saw a conflict.
Answer<Unit> State::attempt(const Commit& commit, bool& again)
{
    const auto line = connection;
    if (!line)
        co_return down();
    std::vector<XsRequest> start{start_request()};
    auto started = co_await line->exchange(0, std::move(start), options.request_limit);
    if (!started)
        co_return started.error();
    const XsReply& first = started->front();
    again = first.error == EAGAIN || first.error == EBUSY;
    std::string_view rest = first.payload;
    std::string_view number;
    xen::next_string(rest, number);
    const auto transaction = xen::xs_number(number);
    if (first.error != 0 || !transaction)
        co_return store_error("start a transaction", first.error != 0 ? first.error : EIO);

    auto replies = co_await line->exchange(*transaction, commit.requests(), options.request_limit);
    Outcome<Unit> verdict = replies ? commit.judge(*replies) : Outcome<Unit>(replies.error());
    if (!verdict) {
        line->send(*transaction, end_request(false));
        co_return verdict.error();
    }
    std::vector<XsRequest> end{end_request(true)};
    auto ended = co_await line->exchange(*transaction, std::move(end), options.request_limit);
    if (!ended)
        co_return ended.error();
    again = ended->front().error == EAGAIN;
    if (ended->front().error != 0)
        co_return store_error("end a transaction", ended->front().error);
    co_return Unit{};
}

XenStore::XenStore(asio::any_io_executor executor, XenStoreOptions options)
    : state_(std::make_shared<State>(std::move(executor), std::move(options)))
{
    state_->open();
}

XenStore::~XenStore()
{
    state_->stop();
}

bool XenStore::up() const
{
    return state_->connection != nullptr;
}

Answer<Unit> XenStore::commit(std::vector<StoreChange> changes, std::vector<StoreGuard> guards)
{
    const auto state = state_;
    auto plan = Commit::plan(changes, guards);
    if (!plan)
        co_return plan.error();
    if (plan->empty())
        co_return Unit{};
    if (!plan->needs_transaction()) {
        const auto line = state->connection;
        if (!line)
            co_return down();
        auto replies = co_await line->exchange(0, plan->requests(), state->options.request_limit);
        if (!replies)
            co_return replies.error();
        co_return plan->judge(*replies);
    }
    for (unsigned attempt = 1; attempt <= state->options.attempts; ++attempt) {
        bool again = false;
        auto done = co_await state->attempt(*plan, again);
        if (done || !again)
            co_return done;
        asio::steady_timer pause(state->executor, conflict_pause(attempt + 1, state->random));
        boost::system::error_code ignored;
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    co_return Error{
        Code::conflict,
        "xenstore: others kept changing the same nodes; gave up after " +
            std::to_string(state->options.attempts) + " attempts",
        "try again"};
}

Answer<std::optional<std::string>> XenStore::read(std::string path)
{
    const auto state = state_;
    if (const auto good = check_path(path); !good)
        co_return good.error();
    auto reply = co_await state->ask(read_request(path));
    if (!reply)
        co_return reply.error();
    if (reply->error == ENOENT)
        co_return std::optional<std::string>{};
    if (reply->error != 0)
        co_return store_error("read " + path, reply->error);
    co_return std::optional<std::string>{std::move(reply->payload)};
}

namespace {

// A list that does not fit one message comes in parts, each tagged with the node's generation; a
// change in between starts it over.
Answer<std::vector<std::string>> list_parts(std::shared_ptr<State> state, std::string path)
{
    constexpr std::size_t kMostBytes = 4U << 20;
    std::string list, generation;
    for (unsigned restarts = 0; restarts < 16;) {
        auto reply = co_await state->ask(directory_part_request(path, list.size()));
        if (!reply)
            co_return reply.error();
        if (reply->error != 0)
            co_return store_error("list " + path, reply->error);
        std::string_view rest = reply->payload;
        std::string_view tag;
        xen::next_string(rest, tag);
        if (!list.empty() && tag != generation) {
            list.clear();
            ++restarts;
            continue;
        }
        generation = tag;
        // The last part ends with an empty string.
        const bool last = rest.empty() || rest == std::string_view("\0", 1) ||
                          (rest.size() >= 2 && rest.ends_with(std::string_view("\0\0", 2)));
        list.append(rest);
        if (last || list.size() > kMostBytes) {
            std::vector<std::string> names;
            add_names(names, list);
            co_return names;
        }
    }
    co_return Error{Code::conflict, "xenstore: " + path + " keeps changing", "try again"};
}

} // namespace

Answer<std::vector<std::string>> XenStore::list(std::string path)
{
    const auto state = state_;
    std::vector<std::string> names;
    if (const auto good = check_path(path); !good)
        co_return good.error();
    auto reply = co_await state->ask(directory_request(path));
    if (!reply)
        co_return reply.error();
    if (reply->error == E2BIG)
        co_return co_await list_parts(state, path);
    if (reply->error != 0 && reply->error != ENOENT)
        co_return store_error("list " + path, reply->error);
    if (reply->error == 0)
        add_names(names, reply->payload);
    co_return names;
}

Answer<Unit> XenStore::introduce(DomId domid, std::uint64_t frame, EventPort port)
{
    const auto state = state_;
    auto reply = co_await state->ask(introduce_request(domid, frame, port));
    if (!reply)
        co_return reply.error();
    if (reply->error != 0)
        co_return store_error("introduce domain " + std::to_string(domid.value), reply->error);
    co_return Unit{};
}

Answer<Unit> XenStore::release(DomId domid)
{
    const auto state = state_;
    auto reply = co_await state->ask(release_request(domid));
    if (!reply)
        co_return reply.error();
    // ENOENT: xenstored let go of it by itself when the domain died.
    if (reply->error != 0 && reply->error != ENOENT)
        co_return store_error("release domain " + std::to_string(domid.value), reply->error);
    co_return Unit{};
}

Answer<bool> XenStore::is_introduced(DomId domid)
{
    const auto state = state_;
    auto reply = co_await state->ask(is_introduced_request(domid));
    if (!reply)
        co_return reply.error();
    if (reply->error != 0)
        co_return store_error("ask for domain " + std::to_string(domid.value), reply->error);
    co_return reply->payload.starts_with('T');
}

Store::Watch XenStore::watch(std::string path, std::function<void(const std::string&)> changed)
{
    const WatchTable::Token token = state_->watches.add(path, std::move(changed));
    if (state_->connection)
        state_->connection->send(0, watch_request(path, std::to_string(token)));
    return std::make_shared<WatchHandle>(state_, token);
}

std::uint64_t XenStore::request_count() const
{
    return state_->sent_before + (state_->connection ? state_->connection->sent() : 0);
}

} // namespace zocalo::toolstack
