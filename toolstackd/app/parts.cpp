// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/app/parts.hpp"

#include "toolstackd/app/database_guard.hpp"
#include "toolstackd/app/guest_spec.hpp"
#include "toolstackd/app/process_metrics.hpp"
#include "toolstackd/app/version.hpp"
#include "toolstackd/device/own_grants.hpp"
#include "toolstackd/sys/core_folder.hpp"

#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <pwd.h>

namespace zocalo::toolstack {
namespace {

using boost::asio::any_io_executor;

Outcome<UniqueFd> open_device(const char* path)
{
    UniqueFd fd{::open(path, O_RDWR | O_CLOEXEC)};
    if (!fd)
        return system_error(
            std::string("cannot open ") + path, errno, "is this a Xen control domain?"
        );
    return fd;
}

Outcome<Unit> make_database(Parts& parts)
{
    parts.database_pool = std::make_unique<Pool>("database", 1);
    Pool* pool = parts.database_pool.get();
    parts.database_trouble = missing_database(parts.config);
    if (parts.database_trouble.empty()) {
        auto opened = Database::open(database_path(parts.config), pool);
        if (opened) {
            parts.database = std::move(opened).value();
            return Unit{};
        }
        parts.database_trouble = describe(opened.error());
    }
    parts.database = TRY(Database::open(":memory:", pool));
    return Unit{};
}

DomainBuilder builder_of(const Parts& parts)
{
    DomainBuilder builder;
    builder.create = [port = parts.builder_port](
                         const rpc::Uuid& uuid, const rpc::DomainConfig& config
                     ) -> Outcome<DomId> {
        const GuestSpec spec = TRY(spec_of(uuid, config));
        return create_domain(*port, spec);
    };
    builder.build = [port = parts.builder_port, kernels = parts.kernels](
                        DomId domid, const rpc::DomainConfig& config
                    ) -> Outcome<Wiring> {
        const GuestSpec spec = TRY(spec_of(rpc::Uuid{}, config));
        const BuiltDomain built = TRY(build_domain(*port, *kernels, domid, spec));
        return Wiring{built.store_frame, built.console_frame, built.store_port, built.console_port};
    };
    const Config& config = parts.config;
    CoreLimits limits;
    limits.file_bytes = config.dump_file_mib << 20;
    limits.total_bytes = config.dump_total_mib << 20;
    limits.files = config.dump_files;
    limits.leave_free_bytes = config.dump_leave_free_mib << 20;
    const CoreFolder cores(config.dump_folder, config.dump_program, limits);
    builder.dump = [cores](DomId domid, const std::string& name, const GiveUp& give_up) {
        return cores.dump(domid, name, give_up);
    };
    return builder;
}

Outcome<Unit> make_hypervisor(Parts& parts, const any_io_executor& executor)
{
    std::shared_ptr<XenCalls> calls = TRY(XenCalls::open());
    parts.builder_port = TRY(XenctrlPort::open());
    parts.kernels = std::make_shared<KernelStore>(parts.config.cache_folder + "/kernels");
    parts.hypervisor = std::make_unique<XenHypervisor>(executor, calls, builder_of(parts));
    parts.calls = std::move(calls);
    return Unit{};
}

Outcome<Unit> make_consoles(Parts& parts, const any_io_executor& executor)
{
    const Config& config = parts.config;
    ConsoleOptions options;
    options.log_folder = config.console_log_folder;
    options.history_bytes = config.console_history_kib << 10;
    options.bytes_per_second = static_cast<double>(config.console_rate_kib << 10);
    options.burst_bytes = 4 * options.bytes_per_second;
    options.log.file_bytes = config.console_log_kib << 10;
    options.log.files = static_cast<unsigned>(config.console_log_files);
    UniqueFd events = TRY(open_device("/dev/xen/evtchn"));
    parts.events = TRY(xen::open_event_channels(std::move(events)));
    UniqueFd grants = TRY(open_device("/dev/xen/gntdev"));
    parts.grants = TRY(xen::open_grant_table(std::move(grants)));
    parts.consoles =
        std::make_unique<PvConsoles>(executor, *parts.events, *parts.grants, std::move(options));
    UniqueFd channel_events = TRY(open_device("/dev/xen/evtchn"));
    parts.channel_events = TRY(xen::open_event_channels(std::move(channel_events)));
    parts.consoles->serve_channels(
        std::make_unique<PvChannels>(executor, *parts.store, *parts.channel_events, *parts.grants)
    );
    return Unit{};
}

Outcome<Unit> make_devices(Parts& parts, const any_io_executor& executor)
{
    const Config& config = parts.config;
    LauncherOptions options;
    options.directory = config.run_folder + "/backends";
    options.programs = {config.blkback, config.netback};
    options.scope = config.backend_scopes;
    options.own_users = config.backend_own_users;
    options.priority = static_cast<int>(config.backend_priority);
    if (config.backend_poll_us)
        options.watch = std::chrono::microseconds{*config.backend_poll_us};
    options.disk_engine = config.disk_engine;
    options.pid_namespaces = ::geteuid() == 0;
    options.hearing = [calls = parts.calls](DomId domid, EventPort port) {
        return calls->hearing(domid, port);
    };
    if (!config.backend_user.empty()) {
        errno = 0;
        const passwd* user = getpwnam(config.backend_user.c_str());
        if (user == nullptr)
            return Error{
                Code::failed,
                "there is no user '" + config.backend_user + "' for the backends",
                "run systemd-sysusers, or set backends.user in toolstackd.toml"};
        options.uid = user->pw_uid;
        options.gid = user->pw_gid;
    }
    if (auto raised = raise_own_grants(); !raised) // backends of cards work without, only slower
        log_info(describe(raised.error()));
    parts.devices = std::make_unique<XenDevices>(
        executor, *parts.store, std::make_shared<ProcessLauncher>(std::move(options))
    );
    return Unit{};
}

Outcome<Unit> make_domains(Parts& parts, const any_io_executor& executor)
{
    Settings settings;
    std::ifstream("/proc/sys/kernel/random/boot_id") >> settings.boot_id;
    if (settings.boot_id.empty())
        return system_error("cannot read /proc/sys/kernel/random/boot_id", errno, "mount /proc");
    settings.version = kVersion;
    parts.clock = make_system_clock(executor);
    parts.domains = std::make_unique<DomainLayer>(
        executor,
        *parts.hypervisor,
        *parts.store,
        *parts.devices,
        *parts.consoles,
        *parts.database,
        *parts.clock,
        std::move(settings)
    );
    return Unit{};
}

Outcome<Unit>
make_api(Parts& parts, const any_io_executor& executor, std::optional<UniqueFd> listener)
{
    const Config& config = parts.config;
    const AccessGroups groups = find_groups(config.admin_group.c_str(), config.read_group.c_str());
    if (!listener)
        listener = TRY(listen_unix(config.socket, 0666, std::nullopt));
    ServerLimits limits;
    limits.connections = config.connections;
    limits.connections_per_uid = config.connections_per_user;
    Services services{*parts.domains, *parts.consoles, parts.metrics, kVersion};
    Identify who = [groups](int socket) { return identify(socket, groups); };
    parts.api = std::make_unique<ApiServer>(
        executor, std::move(services), std::move(*listener), std::move(who), limits
    );
    return Unit{};
}

void add_metrics(Parts& parts)
{
    parts.metrics.describe("zocalo_api_requests_total", "Requests answered.");
    parts.metrics.on_collect([&parts](MetricsText& text) {
        write_process_metrics(text);
        parts.consoles->write_metrics(text);
        text.family("zocalo_xenstore_requests_total", "counter", "Requests sent to xenstored.");
        text.sample(
            "zocalo_xenstore_requests_total", {}, static_cast<double>(parts.store->request_count())
        );
        text.family("zocalo_database_commits_total", "counter", "Transactions committed.");
        text.sample(
            "zocalo_database_commits_total", {}, static_cast<double>(parts.database->commits())
        );
    });
}

} // namespace

Outcome<std::unique_ptr<Parts>>
make_parts(any_io_executor executor, const Config& config, std::optional<UniqueFd> listener)
{
    auto parts = std::make_unique<Parts>();
    parts->config = config;
    TRY(make_database(*parts));
    TRY(make_hypervisor(*parts, executor));
    parts->store = std::make_unique<XenStore>(executor, XenStoreOptions{});
    TRY(make_consoles(*parts, executor));
    TRY(make_devices(*parts, executor));
    TRY(make_domains(*parts, executor));
    TRY(make_api(*parts, executor, std::move(listener)));
    add_metrics(*parts);
    return parts;
}

} // namespace zocalo::toolstack
