// SPDX-License-Identifier: Apache-2.0
// zocalo-build-probe: builds one domain with the builder alone, on a real hypervisor, introduces it
// to xenstored, prints its console and destroys it. For people working on the builder; never
// installed.
#include "toolstackd/build/builder.hpp"
#include "toolstackd/build/xenctrl_port.hpp"

#include <xen/io/console.h>

extern "C" { // Xen's library headers have no guard for C++
#include <xenctrl.h>
#include <xenevtchn.h>
#include <xenstore.h>
}

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>

namespace {

using namespace zocalo;
using namespace zocalo::toolstack;
using Clock = std::chrono::steady_clock;

struct Options {
    GuestSpec spec;
    std::string cache;
    std::string until;
    int seconds{60};
    unsigned vcpus{1};
};

double ms_since(Clock::time_point start)
{
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

[[noreturn]] void die(const Error& error)
{
    std::fprintf(stderr, "zocalo-build-probe: %s\n", describe(error).c_str());
    std::exit(exit_status(error.code));
}

Options parse(int argc, char** argv)
{
    std::map<std::string, std::string> values{{"type", "pv"}, {"memory", "256"}, {"vcpus", "1"}};
    for (int i = 1; i + 1 < argc; i += 2)
        values[std::string{argv[i]}.substr(2)] = argv[i + 1];
    if (argc % 2 == 0 || !values.contains("kernel")) {
        std::fprintf(
            stderr,
            "usage: zocalo-build-probe --kernel FILE [--type pv|pvh] [--ramdisk FILE]\n"
            "  [--cmdline TEXT] [--memory MIB] [--maxmem MIB] [--vcpus N] [--maxvcpus N]\n"
            "  [--cache DIR] [--seconds N] [--until TEXT]\n"
            "exit 0: TEXT was seen on the console, or the domain shut down by itself\n"
        );
        std::exit(2);
    }
    const auto number = [&](const char* key) -> std::uint64_t {
        return values.contains(key) ? std::strtoull(values[key].c_str(), nullptr, 10) : 0;
    };
    Options options;
    options.spec.pvh = values["type"] == "pvh";
    options.spec.kernel = values["kernel"];
    options.spec.ramdisk = values["ramdisk"];
    options.spec.cmdline = values["cmdline"];
    options.spec.memory_mib = number("memory");
    options.spec.maxmem_mib = number("maxmem");
    options.vcpus = static_cast<unsigned>(number("vcpus"));
    options.spec.maxvcpus = std::max(options.vcpus, static_cast<unsigned>(number("maxvcpus")));
    options.spec.uuid = {0x7a, 0x6f, 0x63, 0x61, 0x6c, 0x6f};
    options.cache = values["cache"];
    options.until = values["until"];
    if (values.contains("seconds"))
        options.seconds = std::atoi(values["seconds"].c_str());
    return options;
}

// The nodes a Linux guest looks for at boot, and nothing else.
void introduce(xs_handle* store, DomId id, const Options& options, const BuiltDomain& built)
{
    const std::string home = "/local/domain/" + std::to_string(id.value);
    xs_mkdir(store, XBT_NULL, home.c_str());
    xs_permissions permissions[] = {{0, XS_PERM_NONE}, {id.value, XS_PERM_READ}};
    xs_set_permissions(store, XBT_NULL, home.c_str(), permissions, 2);
    const auto put = [&](const std::string& key, const std::string& value) {
        xs_write(
            store, XBT_NULL, (home + key).c_str(), value.data(), static_cast<unsigned>(value.size())
        );
    };
    const auto& spec = options.spec;
    put("/name", "probe");
    put("/domid", std::to_string(id.value));
    put("/memory/target", std::to_string(spec.memory_mib * 1024));
    put("/memory/static-max",
        std::to_string((spec.maxmem_mib != 0 ? spec.maxmem_mib : spec.memory_mib) * 1024));
    put("/store/port", std::to_string(built.store_port.value));
    put("/store/ring-ref", std::to_string(built.store_frame));
    put("/console/port", std::to_string(built.console_port.value));
    put("/console/ring-ref", std::to_string(built.console_frame));
    put("/console/type", "probe");
    for (unsigned i = 0; i < spec.maxvcpus; ++i)
        put("/cpu/" + std::to_string(i) + "/availability",
            i < options.vcpus ? "online" : "offline");
    if (!xs_introduce_domain(store, id.value, built.store_frame, built.store_port.value))
        die(system_error("cannot introduce the domain to xenstored", errno));
}

// Takes what the guest wrote; answers how many bytes.
std::size_t drain(xencons_interface& ring, std::string& log)
{
    const XENCONS_RING_IDX produced =
        std::atomic_ref<XENCONS_RING_IDX>{ring.out_prod}.load(std::memory_order_acquire);
    XENCONS_RING_IDX consumed = ring.out_cons;
    const std::size_t count = std::min<std::size_t>(produced - consumed, sizeof ring.out);
    for (std::size_t i = 0; i < count; ++i, ++consumed)
        log += ring.out[MASK_XENCONS_IDX(consumed, ring.out)];
    std::atomic_ref<XENCONS_RING_IDX>{ring.out_cons}.store(consumed, std::memory_order_release);
    std::fwrite(log.data() + log.size() - count, 1, count, stdout);
    std::fflush(stdout);
    return count;
}

// 0 when the text was seen or the domain ended by itself (not by a crash), 1 at the time limit.
int watch(XenctrlPort& port, DomId id, const Options& options, const BuiltDomain& built)
{
    const std::uint64_t frame = built.console_frame;
    auto page = port.map(id, {&frame, 1});
    if (!page)
        die(page.error());
    auto& ring = *reinterpret_cast<xencons_interface*>(page->bytes().data());
    xenevtchn_handle* events = xenevtchn_open(nullptr, 0);
    const auto local = xenevtchn_bind_interdomain(events, id.value, built.console_port.value);
    std::string log;
    const auto start = Clock::now();
    int result = 1;
    while (ms_since(start) < options.seconds * 1000.0) {
        if (drain(ring, log) != 0)
            xenevtchn_notify(events, static_cast<evtchn_port_t>(local));
        if (!options.until.empty() && log.find(options.until) != std::string::npos) {
            result = 0;
            break;
        }
        xc_domaininfo_t info{};
        if (xc_domain_getinfolist(port.handle(), id.value, 1, &info) == 1 &&
            (info.flags & XEN_DOMINF_shutdown) != 0) {
            const unsigned reason =
                info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
            drain(ring, log);
            std::fprintf(stderr, "\nprobe: the domain shut down, reason %u\n", reason);
            result = reason == SHUTDOWN_crash || !options.until.empty() ? 1 : 0;
            break;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    std::fprintf(stderr, "\nprobe: watched for %.0f ms\n", ms_since(start));
    xenevtchn_close(events);
    return result;
}

void report(const char* what, double ms, std::uint64_t calls)
{
    std::fprintf(stderr, "probe: %s took %.1f ms and %lu hypercalls\n", what, ms, calls);
}

} // namespace

int main(int argc, char** argv)
{
    const Options options = parse(argc, argv);
    auto port = XenctrlPort::open();
    if (!port)
        die(port.error());
    KernelStore kernels{options.cache};
    auto start = Clock::now();
    if (auto kernel = kernels.load(options.spec.kernel); !kernel)
        die(kernel.error());
    report("loading the kernel", ms_since(start), (*port)->calls());

    start = Clock::now();
    const std::uint64_t before = (*port)->calls();
    auto id = create_domain(**port, options.spec);
    if (!id)
        die(id.error());
    report("create_domain", ms_since(start), (*port)->calls() - before);
    const auto build_start = Clock::now();
    const std::uint64_t before_build = (*port)->calls();
    auto built = build_domain(**port, kernels, *id, options.spec);
    if (!built) {
        (void)(*port)->destroy(*id);
        die(built.error());
    }
    report("build_domain", ms_since(build_start), (*port)->calls() - before_build);

    xs_handle* store = xs_open(0);
    if (store == nullptr)
        die(system_error("cannot reach xenstored", errno));
    introduce(store, *id, options, *built);
    xc_domain_unpause((*port)->handle(), id->value);
    report("everything up to unpause", ms_since(start), (*port)->calls());
    const int result = watch(**port, *id, options, *built);
    xs_release_domain(store, id->value);
    xs_rm(store, XBT_NULL, ("/local/domain/" + std::to_string(id->value)).c_str());
    xs_close(store);
    if (auto gone = (*port)->destroy(*id); !gone)
        die(gone.error());
    return result;
}
