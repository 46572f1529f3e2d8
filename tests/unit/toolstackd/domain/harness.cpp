// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/domain/harness.hpp"

#include "common/rpc/bodies.hpp"
#include "common/rpc/json.hpp"
#include "toolstackd/sys/failpoint.hpp"

#include <limits>

namespace zocalo::toolstack::testing {
namespace {

constexpr std::int64_t kLongestSettle = 3'600'000;

} // namespace

rpc::DomainConfig small_config(const std::string& name)
{
    rpc::DomainConfig config;
    config.name = name;
    config.kernel = "/boot/vmlinuz";
    config.memory_mib = 64;
    rpc::DiskConfig disk;
    disk.target = "/images/" + name + ".img";
    disk.vdev = "xvda";
    config.disks.push_back(disk);
    config.nics.emplace_back();
    return config;
}

Request request(std::string verb, std::string ref, boost::json::object args)
{
    return {std::move(verb), std::move(ref), std::move(args), {}, 0};
}

Request create_request(const rpc::DomainConfig& config, bool managed)
{
    rpc::CreateBody body;
    body.config = config;
    body.managed = managed;
    return request("create", "", rpc::to_json(body).as_object());
}

Harness::Harness(std::uint64_t seed) : world{io}
{
    world.random.seed(seed);
    auto opened = Database::open(":memory:");
    if (!opened)
        throw std::runtime_error(opened.error().what);
    db = std::move(opened).value();
    set_failpoint_hook([this](const char* name) {
        if (world.dead)
            throw Killed();
        ++passed_;
        names_.emplace_back(name);
        if (!kills_.empty() && passed_ == kills_.front()) {
            kills_.pop_front();
            died_ = world.dead = true;
            throw Killed();
        }
    });
}

Harness::~Harness()
{
    if (layer)
        bury();
    set_failpoint_hook({});
}

void Harness::kill_at(std::vector<std::uint64_t> passes)
{
    kills_.assign(passes.begin(), passes.end());
    passed_ = 0;
    names_.clear();
}

void Harness::spin()
{
    io.restart();
    while (io.poll() != 0)
        io.restart();
}

void Harness::pump(const std::function<bool()>& done)
{
    const std::int64_t limit = world.clock.now_ms() + kLongestSettle;
    while (!done()) {
        spin();
        if (done() || died_)
            return;
        if (!world.clock.advance(limit)) {
            world.violate("nothing moves any more and somebody waits");
            return;
        }
    }
}

// What is left of a dead daemon: its coroutines are unwound, and can do nothing any more.
void Harness::bury()
{
    world.dead = true;
    bool ended = false;
    auto stopped = std::make_shared<std::optional<Outcome<Unit>>>();
    boost::asio::co_spawn(
        io,
        deliver(layer->stop(std::chrono::milliseconds(0)), stopped),
        [&ended](std::exception_ptr) { ended = true; }
    );
    for (int i = 0; i < 1000 && !(ended && clients_ == 0); ++i) {
        spin();
        if (!ended || clients_ != 0)
            world.clock.advance(std::numeric_limits<std::int64_t>::max());
    }
    if (!ended || clients_ != 0)
        world.violate("a dead daemon's coroutines do not end");
    spin();
    layer.reset();
    devices_.reset();
    consoles_.reset();
    store_.reset();
    hv_.reset();
    world.watches.clear();
    world.followed.clear();
    world.consoles.clear();
    world.notice = {};
}

bool Harness::try_start()
{
    if (layer)
        bury();
    world.dead = died_ = false;
    passed_ = 0;
    hv_ = make_fake_hypervisor(world);
    store_ = make_fake_store(world);
    devices_ = make_fake_devices(world);
    consoles_ = make_fake_consoles(world);
    Settings settings;
    settings.boot_id = boot_id;
    settings.version = "test";
    settings.disk_identity = [](const std::string& path) { return path; };
    layer = std::make_unique<DomainLayer>(
        io.get_executor(), *hv_, *store_, *devices_, *consoles_, *db, world.clock, settings
    );
    if (!read_only.empty())
        layer->only_read(read_only);
    const auto started = run(layer->start());
    if (died_)
        ++deaths_;
    return !died_ && started && *started;
}

void Harness::start()
{
    for (int i = 0; i < 20; ++i)
        if (try_start())
            return;
    world.violate("the daemon does not start");
}

void Harness::restart()
{
    if (layer && !died_)
        run(layer->stop(std::chrono::milliseconds(10'000)));
    start();
}

void Harness::reboot_host()
{
    bury();
    world.host_reboot();
    boot_id += "+";
    start();
}

Outcome<rpc::OpView> Harness::submit(Request request)
{
    if (request.idempotency_key.empty())
        request.idempotency_key = "key-" + std::to_string(next_key_++);
    while (true) {
        auto answer = run(layer->submit(request));
        if (answer && !died_)
            return *answer;
        ++deaths_;
        start();
    }
}

rpc::OpView Harness::finish(const rpc::OpView& op)
{
    while (true) {
        auto answer = run(layer->wait_op(op.id, std::chrono::seconds(600)));
        if (answer && !died_) {
            if (*answer)
                return **answer;
            world.violate("an accepted operation is forgotten: " + answer->error().what);
            return op;
        }
        ++deaths_;
        start();
    }
}

rpc::OpView Harness::change(Request request)
{
    auto accepted = submit(std::move(request));
    if (accepted)
        return finish(*accepted);
    rpc::OpView refused;
    refused.state = rpc::OpState::failed;
    refused.error = accepted.error().what;
    refused.error_code = name(accepted.error().code);
    return refused;
}

std::vector<rpc::DomainView> Harness::domains()
{
    while (true) {
        auto answer = run(layer->domains());
        if (answer && *answer && !died_)
            return **answer;
        ++deaths_;
        start();
    }
}

std::optional<rpc::DomainView> Harness::domain(const std::string& name)
{
    for (const rpc::DomainView& view : domains())
        if (view.name == name)
            return view;
    return std::nullopt;
}

void Harness::wait(std::int64_t ms)
{
    const std::int64_t end = world.clock.now_ms() + ms;
    while (world.clock.now_ms() < end) {
        spin();
        if (died_) {
            ++deaths_;
            start();
            continue;
        }
        bool rang = false;
        const auto alarm = world.clock.at(end, [&rang] { rang = true; });
        if (!world.clock.advance(end) && !rang)
            return;
    }
    spin();
}

void Harness::collect_events()
{
    std::uint64_t since = event_seqs.empty() ? 0 : event_seqs.back();
    auto page = run(layer->events(since, 100'000, std::chrono::milliseconds(0)));
    if (!page || !*page)
        return;
    if ((*page)->resync)
        world.violate("a client that followed has to start over");
    for (const rpc::EventView& event : (*page)->events) {
        if (event.seq <= since)
            world.violate("an event's number came twice or went back");
        event_seqs.push_back(since = event.seq);
    }
}

bool Harness::settled()
{
    auto active = run(layer->ops(true));
    if (died_ || !active || !*active)
        return false;
    if (!(*active)->empty())
        return false;
    for (const rpc::DomainView& view : domains())
        if (view.ownership != rpc::Ownership::foreign &&
            (view.state == rpc::DomainState::building || view.state == rpc::DomainState::dying ||
             view.state == rpc::DomainState::unknown ||
             view.state == rpc::DomainState::shutting_down))
            return false;
    return true;
}

void Harness::settle()
{
    const std::int64_t limit = world.clock.now_ms() + kLongestSettle;
    while (world.clock.now_ms() < limit) {
        wait(500);
        if (settled()) {
            wait(20'000); // one look at everything without being told
            if (settled())
                return collect_events();
        }
    }
    world.violate("the domains do not come to rest");
}

} // namespace zocalo::toolstack::testing
