// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/others_end.hpp"

#include "toolstackd/domain/tree.hpp"
#include "toolstackd/sys/log.hpp"

namespace zocalo::toolstack {
namespace {

constexpr std::int64_t kCloseLimitMs = 10'000; // as long as libxl waits
constexpr std::int64_t kPollMs = 100;
constexpr std::size_t kMost = 256;
// xenbus_state of io/xenbus.h.
constexpr const char* kClosing = "5";
constexpr const char* kClosed = "6";

Answer<std::string> text_at(Store& store, std::string path)
{
    auto value = co_await store.read(std::move(path));
    if (!value)
        co_return value.error();
    co_return value->value_or("");
}

Answer<std::vector<std::string>> devices_of(Context& ctx, const Record& record)
{
    auto directories = co_await others_backends(ctx, record);
    if (!directories)
        co_return directories.error();
    std::vector<std::string> devices;
    for (const std::string& directory : *directories) {
        auto names = co_await ctx.store.list(directory);
        if (!names)
            co_return names.error();
        for (const std::string& name : *names)
            if (devices.size() < kMost)
                devices.push_back(directory + "/" + name);
    }
    co_return devices;
}

// xenconsoled leaves a console when its domain has gone, and says nothing in xenstore.
bool is_console(const std::string& device)
{
    return device.find("/backend/console/") != std::string::npos;
}

Answer<bool> all_closed(Context& ctx, const std::vector<std::string>& devices)
{
    for (const std::string& device : devices) {
        if (is_console(device))
            continue;
        auto state = co_await text_at(ctx.store, device + "/state");
        if (!state)
            co_return state.error();
        if (!state->empty() && *state != kClosed)
            co_return false;
    }
    co_return true;
}

struct Loop {
    std::string path, file;
};

// The script `block` of xl puts a file behind a loop device and says so in `node`. A loop device
// that was itself the disk's target was not made by it.
Answer<std::vector<Loop>> loops_of(Context& ctx, const std::vector<std::string>& devices)
{
    std::vector<Loop> loops;
    for (const std::string& device : devices) {
        auto file = co_await text_at(ctx.store, device + "/params");
        if (!file)
            co_return file.error();
        auto node = co_await text_at(ctx.store, device + "/node");
        if (!node)
            co_return node.error();
        if (node->starts_with("/dev/loop") && *node != *file)
            loops.push_back({*node, *file});
    }
    co_return loops;
}

// Where its frontend was: /local/domain/7/device/vbd/51712 for …/backend/vbd/7/51712.
std::string frontend_of(const Record& record, const std::string& device)
{
    const std::size_t name = device.rfind('/');
    const std::size_t domid = device.rfind('/', name - 1);
    const std::size_t kind = device.rfind('/', domid - 1);
    return "/local/domain/" + std::to_string(record.instance.domid) + "/device" +
           device.substr(kind, domid - kind) + device.substr(name);
}

// Tells the kernel's backends in their frontends' place that these have closed. xenstored removes
// what a guest owned when it dies, and tells nobody (oxenstored 4.17): so the state is written
// anew. The directory goes first, since a watch fires only where there was one before the
// transaction.
Answer<Unit>
ask_to_close(Context& ctx, const Record& record, const std::vector<std::string>& devices)
{
    std::vector<StoreChange> asking, closing;
    for (const std::string& device : devices) {
        asking.push_back({StoreChange::Kind::write, device + "/online", "0", {}});
        asking.push_back({StoreChange::Kind::write, device + "/state", kClosing, {}});
        if (is_console(device))
            continue;
        const std::string frontend = frontend_of(record, device);
        asking.push_back({StoreChange::Kind::mkdir, frontend, {}, {}});
        closing.push_back({StoreChange::Kind::write, frontend + "/state", kClosed, {}});
    }
    for (auto* changes : {&asking, &closing}) {
        std::vector<StoreGuard> guards{owner_guard(record.domain.uuid, record.domid())};
        auto written = co_await ctx.store.commit(std::move(*changes), std::move(guards));
        if (!written && written.error().code == Code::conflict)
            co_return Unit{}; // another tool has removed the domain's nodes
        if (!written)
            co_return written;
    }
    co_return Unit{};
}

} // namespace

Answer<std::vector<std::string>> others_backends(Context& ctx, const Record& record)
{
    std::vector<std::string> directories;
    // xenconsoled holds the console of a domain that we did not make.
    if (record.instance.domid < 0 || record.instance.console_frame != 0 ||
        record.instance.phase != Phase::ending)
        co_return directories;
    const std::string root = "/local/domain/0/backend";
    auto kinds = co_await ctx.store.list(root);
    if (!kinds)
        co_return kinds.error();
    for (const std::string& kind : *kinds)
        directories.push_back(root + "/" + kind + "/" + std::to_string(record.instance.domid));
    co_return directories;
}

Answer<Unit> close_others(Context& ctx, const Record& record)
{
    auto devices = co_await devices_of(ctx, record);
    if (!devices)
        co_return devices.error();
    if (devices->empty())
        co_return Unit{};
    auto loops = co_await loops_of(ctx, *devices);
    if (!loops)
        co_return loops.error();
    auto asked = co_await ask_to_close(ctx, record, *devices);
    if (!asked)
        co_return asked.error();
    const std::int64_t limit = ctx.clock.now_ms() + kCloseLimitMs;
    while (true) {
        auto closed = co_await all_closed(ctx, *devices);
        if (!closed)
            co_return closed.error();
        if (*closed || ctx.clock.now_ms() >= limit)
            break;
        auto slept = co_await ctx.sleep(kPollMs);
        if (!slept)
            co_return slept.error();
    }
    // One that cannot be freed must not keep the domain from ending.
    for (const Loop& loop : *loops) {
        auto freed = co_await ctx.devices.free_loop(loop.path, loop.file);
        if (!freed)
            log_warning(describe(freed.error()));
    }
    co_return Unit{};
}

} // namespace zocalo::toolstack
