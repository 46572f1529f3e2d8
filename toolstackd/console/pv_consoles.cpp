// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/console/pv_consoles.hpp"

#include "toolstackd/console/event_loop.hpp"
#include "toolstackd/console/reader.hpp"
#include "toolstackd/sys/log.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <xen/grant_table.h>

#include <array>

namespace zocalo::toolstack {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// When the disk is behind, the guest waits as well.
constexpr std::chrono::milliseconds kDiskBehind{50};

} // namespace

PvConsoles::PvConsoles(
    asio::any_io_executor executor,
    xen::EventChannels& events,
    xen::GrantTable& grants,
    ConsoleOptions options
)
    : executor_{executor}, events_{events}, grants_{grants}, options_{std::move(options)},
      device_{executor}, tasks_{executor}
{
}

PvConsoles::~PvConsoles()
{
    if (device_.is_open())
        device_.release(); // EventChannels owns it
}

void PvConsoles::start()
{
    device_.assign(events_.fd());
    tasks_.spawn("console events", serve_events(device_, events_, [this](EventPort port) {
                     fire(port);
                 }));
    if (channels_)
        channels_->start();
}

asio::awaitable<void> PvConsoles::stop()
{
    for (const auto& [uuid, console] : consoles_) {
        if (console->link)
            console->move_output();
        flush(*console);
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{2};
    asio::steady_timer tick{executor_};
    while (tasks_.size() > 1 && std::chrono::steady_clock::now() < deadline) { // 1: serve_events
        error_code ignored;
        tick.expires_after(std::chrono::milliseconds{5});
        co_await tick.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    for (const auto& [uuid, console] : consoles_)
        console->end("the daemon stops");
    if (channels_)
        co_await channels_->stop();
    co_await tasks_.finish();
}

void PvConsoles::fire(EventPort port)
{
    const auto found = ports_.find(port);
    const auto console = found != ports_.end() ? found->second.lock() : nullptr;
    // An event that was queued when its port was unbound.
    if (console && console->link && console->link->local.port() == port)
        turn(*console);
}

// One turn of one domain; afterwards its port is unmasked, or it waits.
void PvConsoles::turn(Console& console)
{
    const std::uint64_t before = console.total;
    bool tell = console.move_output();
    tell |= console.link && console.move_input();
    if (!console.link)
        return log_warning("a console was closed: " + console.ended);
    const EventPort port = console.link->local.port();
    if (tell)
        static_cast<void>(events_.notify(port));
    flush(console);
    auto delay = console.pace.take(console.total - before, Pace::Clock::now());
    if (console.unlogged.size() > options_.unlogged_bytes)
        delay = std::max(delay, kDiskBehind);
    if (delay.count() > 0)
        take_up(console, delay);
    else
        static_cast<void>(events_.unmask(port));
}

void PvConsoles::take_up(Console& console, std::chrono::milliseconds delay)
{
    console.resume.expires_after(delay);
    console.resume.async_wait([this, weak = console.weak_from_this()](error_code stopped) {
        const auto alive = weak.lock();
        if (!stopped && alive && alive->link)
            turn(*alive);
    });
}

void PvConsoles::pass_input(Console& console)
{
    if (console.link && console.move_input() && console.link)
        static_cast<void>(events_.notify(console.link->local.port()));
}

void PvConsoles::flush(Console& console)
{
    if (!console.log || console.logging || console.unlogged.empty())
        return;
    console.logging = true;
    tasks_.spawn("console log", write_log(console.shared_from_this()));
}

asio::awaitable<void> PvConsoles::write_log(std::shared_ptr<Console> console)
{
    while (console->log && !console->unlogged.empty()) {
        const std::string data = std::exchange(console->unlogged, {});
        ConsoleLog& log = *console->log;
        auto append = [&log, &data] { return log.append(data); };
        const auto written = co_await pool_.run(append);
        if (!written) { // a full disk costs the log, not the console
            log_warning(describe(written.error()));
            console->log.reset();
            console->unlogged.clear();
        }
    }
    console->logging = false;
}

asio::awaitable<void> PvConsoles::load_log(Console& console, rpc::Uuid uuid, std::string name)
{
    struct Loaded {
        Outcome<ConsoleLog> log;
        std::string tail;
    };
    auto load = [&options = options_, &uuid, &name] {
        Loaded loaded{ConsoleLog::open(options.log_folder, name, uuid, options.log), {}};
        if (loaded.log)
            loaded.tail = loaded.log->tail(options.history_bytes).value_or({});
        return loaded;
    };
    Loaded loaded = co_await pool_.run(load);
    if (!loaded.log) {
        log_warning(describe(loaded.log.error()));
        co_return;
    }
    console.log.emplace(std::move(*loaded.log));
    console.history.append(loaded.tail);
}

Outcome<Unit> PvConsoles::join(Console& console, DomId domid, EventPort port)
{
    const std::array refs{GrantRef{GNTTAB_RESERVED_CONSOLE}};
    auto page = TRY(grants_.map(domid, refs));
    BoundPort local{events_, TRY(events_.bind_interdomain(domid, port))};
    const EventPort number = local.port();
    std::erase_if(ports_, [](const auto& entry) { return entry.second.expired(); });
    ports_[number] = console.weak_from_this();
    console.link.emplace(ConsoleLink{domid, port, std::move(local), std::move(page)});
    console.ended.clear();
    turn(console); // what it wrote before we listened
    return Unit{};
}

Answer<Unit> PvConsoles::open(
    const rpc::Uuid& uuid, std::string name, DomId domid, std::uint64_t, EventPort port
)
{
    auto& slot = consoles_[uuid];
    if (!slot)
        slot = std::make_shared<Console>(executor_, options_);
    const std::shared_ptr<Console> console = slot;
    if (console->link && console->link->domid == domid && console->link->remote == port)
        co_return Unit{};
    if (console->link)
        console->end("the domain was started again");
    if (!console->log)
        co_await load_log(*console, uuid, std::move(name));
    co_return join(*console, domid, port);
}

Answer<Unit> PvConsoles::follow_channels(
    const rpc::Uuid& uuid, DomId domid, std::vector<rpc::ChannelConfig> channels
)
{
    if (!channels_)
        co_return Error{Code::unsupported, "this daemon serves no channels", {}};
    co_return co_await channels_->follow(uuid, domid, std::move(channels));
}

Answer<std::vector<rpc::ChannelView>> PvConsoles::channels(rpc::Uuid uuid)
{
    if (!channels_)
        co_return std::vector<rpc::ChannelView>{};
    co_return co_await channels_->views(uuid);
}

void PvConsoles::close(const rpc::Uuid& uuid, const std::string& reason)
{
    if (channels_)
        channels_->close(uuid);
    const auto found = consoles_.find(uuid);
    if (found == consoles_.end() || !found->second->link)
        return;
    Console& console = *found->second;
    console.move_output(); // its last words
    console.end(reason);
    flush(console);
}

void PvConsoles::forget(const rpc::Uuid& uuid)
{
    close(uuid, "the domain was removed");
    consoles_.erase(uuid);
}

Answer<std::shared_ptr<Console>> PvConsoles::find(rpc::Uuid uuid)
{
    if (const auto found = consoles_.find(uuid); found != consoles_.end())
        co_return found->second;
    // Not running since the daemon began: its log may still be there.
    auto look = [&folder = options_.log_folder, &uuid] { return ConsoleLog::exists(folder, uuid); };
    if (!co_await pool_.run(look))
        co_return Error{
            Code::not_found,
            "this domain has no console here",
            "it has one once toolstackd has started it; that of a domain made by xl is at `xl "
            "console`"};
    auto console = std::make_shared<Console>(executor_, options_);
    co_await load_log(*console, uuid, "");
    co_return consoles_.try_emplace(uuid, std::move(console)).first->second;
}

Answer<std::string> PvConsoles::history(rpc::Uuid uuid, std::size_t bytes)
{
    auto console = co_await find(uuid);
    if (!console)
        co_return console.error();
    co_return std::string{(*console)->history.tail(bytes)};
}

Answer<std::unique_ptr<ConsoleReader>> PvConsoles::attach(rpc::Uuid uuid, ConsoleAttach how)
{
    auto console = co_await find(uuid);
    if (!console)
        co_return console.error();
    Reader*& writer = (*console)->writer;
    if (how.write && writer != nullptr && !how.steal)
        co_return Error{
            Code::conflict,
            "another client writes to this console",
            "take its place with `zl console --steal`, or attach read-only"};
    std::function<void(Console&)> pump = [this](Console& c) { pass_input(c); };
    auto reader = std::make_unique<Reader>(executor_, *console, how.replay, std::move(pump));
    if (how.write) {
        writer = reader.get();
        (*console)->room.cancel(); // whoever wrote before learns it now
    }
    co_return std::unique_ptr<ConsoleReader>{std::move(reader)};
}

void PvConsoles::write_metrics(MetricsText& text) const
{
    text.family("zocalo_console_bytes_total", "counter", "Bytes guests wrote to their consoles.");
    for (const auto& [uuid, console] : consoles_)
        text.sample(
            "zocalo_console_bytes_total",
            {{"uuid", rpc::text(uuid)}},
            static_cast<double>(console->total)
        );
}

} // namespace zocalo::toolstack
