// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/device/launcher.hpp"

#include "common/backend-ctl/messages.hpp"
#include "toolstackd/device/spawn.hpp"
#include "toolstackd/sys/sleep_cost.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <optional>
#include <poll.h>
#include <sstream>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace zocalo::toolstack {
namespace {

namespace fs = std::filesystem;
constexpr std::array kKinds{DeviceKind::disk, DeviceKind::nic};

std::string program_name(DeviceKind kind)
{
    return kind == DeviceKind::disk ? "zocalo-blkback" : "zocalo-netback";
}

std::string journal_prefix(const rpc::Uuid& uuid, DeviceKind kind)
{
    return rpc::text(uuid) + (kind == DeviceKind::disk ? "-blk-" : "-net-");
}

std::string mark(const rpc::Uuid& uuid, DeviceKind kind)
{
    return program_name(kind) + "@" + rpc::text(uuid);
}

std::string group_name(const rpc::Uuid& uuid, DeviceKind kind)
{
    return (kind == DeviceKind::disk ? "blk-" : "net-") + rpc::text(uuid);
}

UniqueFd pidfd_of(pid_t pid)
{
    return UniqueFd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
}

// argv[0] of a process, empty when it is gone.
std::string first_argument(const std::string& pid)
{
    std::ifstream file("/proc/" + pid + "/cmdline", std::ios::binary);
    std::string text;
    std::getline(file, text, '\0');
    return text;
}

// The real user of a process (proc(5), status): readable without rights over the process, unlike
// its program's file. Nobody but root becomes the backends' user, so argv[0] can be believed with
// it.
std::optional<uid_t> user_of(const std::string& pid)
{
    std::ifstream file("/proc/" + pid + "/status");
    for (std::string line; std::getline(file, line);)
        if (uid_t uid{}; line.starts_with("Uid:") && std::istringstream(line.substr(4)) >> uid)
            return uid;
    return std::nullopt;
}

bool is_backend_user(uid_t user)
{
    return user >= kFirstBackendUser && user < kFirstBackendUser + 2u * kFirstReservedDomId;
}

std::optional<DeviceRemains::Process> marked_process(const std::string& pid, uid_t backends)
{
    DeviceRemains::Process process;
    const auto [end, error] = std::from_chars(pid.data(), pid.data() + pid.size(), process.pid);
    if (error != std::errc{} || end != pid.data() + pid.size())
        return std::nullopt;
    const std::string argument = first_argument(pid);
    const std::size_t at = argument.find('@');
    if (at == std::string::npos)
        return std::nullopt;
    const auto uuid = rpc::parse_uuid(std::string_view{argument}.substr(at + 1));
    const auto user = user_of(pid);
    // Ours: it has not changed to the backends' user yet.
    if (!uuid || !user || (*user != backends && *user != ::geteuid() && !is_backend_user(*user)))
        return std::nullopt;
    process.uuid = *uuid;
    for (const DeviceKind kind : kKinds) {
        process.kind = kind;
        if (argument == mark(*uuid, kind))
            return process;
    }
    return std::nullopt;
}

bool wait_end(const UniqueFd& pidfd, std::chrono::milliseconds limit)
{
    pollfd ready{pidfd.get(), POLLIN, 0};
    return ::poll(&ready, 1, static_cast<int>(limit.count())) == 1;
}

// Out of the way of the numbers the child gets them under.
Outcome<UniqueFd> above(UniqueFd fd, const std::string& what)
{
    if (!fd)
        return system_error("cannot open " + what, errno);
    UniqueFd high{::fcntl(fd.get(), F_DUPFD_CLOEXEC, 64)};
    if (!high)
        return system_error("cannot open " + what, errno);
    return high;
}

sockaddr_un address_of(const std::string& path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    return address;
}

} // namespace

unsigned backend_user(DomId domid, DeviceKind kind)
{
    return kFirstBackendUser + 2u * domid.value + (kind == DeviceKind::disk ? 0u : 1u);
}

ProcessLauncher::ProcessLauncher(LauncherOptions options) : options_(std::move(options)) {}

std::string ProcessLauncher::socket_path(const rpc::Uuid& uuid, DeviceKind kind) const
{
    return options_.directory + "/" + rpc::text(uuid) +
           (kind == DeviceKind::disk ? "-blk.sock" : "-net.sock");
}

std::string ProcessLauncher::program(DeviceKind kind) const
{
    const std::string& set = options_.programs[kind == DeviceKind::disk ? 0 : 1];
    if (!set.empty())
        return set;
    const std::string libexec = "/usr/libexec/zocalo/" + program_name(kind);
    return ::access(libexec.c_str(), X_OK) == 0 ? libexec : "/usr/lib/zocalo/" + program_name(kind);
}

Outcome<UniqueFd> ProcessLauncher::listen(const std::string& path) const
{
    std::error_code failed;
    fs::create_directories(options_.directory, failed);
    ::chmod(options_.directory.c_str(), 0700);
    ::unlink(path.c_str());
    UniqueFd fd{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
    const sockaddr_un address = address_of(path);
    const mode_t before = ::umask(0177);
    const bool bound =
        fd && ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    ::umask(before);
    if (!bound || ::listen(fd.get(), 8) != 0)
        return system_error("cannot listen on " + path, errno);
    return fd;
}

// In the order of their numbers in the process: from 3 on.
Outcome<std::vector<UniqueFd>>
ProcessLauncher::to_hand_over(const rpc::Uuid& uuid, DeviceKind kind) const
{
    const auto device = [](const std::string& path) {
        return above(UniqueFd{::open(path.c_str(), O_RDWR | O_CLOEXEC)}, path);
    };
    std::vector<UniqueFd> fds;
    UniqueFd listening = TRY(listen(socket_path(uuid, kind)));
    fds.push_back(TRY(above(std::move(listening), "the socket")));
    fds.push_back(TRY(device(options_.event_channels)));
    fds.push_back(TRY(device(options_.grants)));
    if (kind == DeviceKind::nic) // which does without, at a price
        if (auto own = device(options_.own_grants))
            fds.push_back(std::move(*own));
    return fds;
}

Outcome<Unit> ProcessLauncher::start(const rpc::Uuid& uuid, DeviceKind kind, DomId domid)
{
    TRY(kill(uuid, kind, std::chrono::milliseconds{0}));
    const std::vector<UniqueFd> handed = TRY(to_hand_over(uuid, kind));
    std::vector<std::string> arguments{
        mark(uuid, kind),
        "--domain=" + std::to_string(domid.value),
        "--listen-fd=3",
        "--evtchn-fd=4",
        "--gntdev-fd=5",
        "--poll-us=" + std::to_string(watch(kind).count())};
    if (kind == DeviceKind::disk)
        arguments.push_back("--engine=" + options_.disk_engine);
    if (handed.size() > 3)
        arguments.emplace_back("--gntalloc-fd=6");
    if (options_.uid != 0) {
        const unsigned own = backend_user(domid, kind);
        arguments.push_back("--uid=" + std::to_string(options_.own_users ? own : options_.uid));
        arguments.push_back("--gid=" + std::to_string(options_.own_users ? own : options_.gid));
    }
    std::vector<int> fds;
    for (const UniqueFd& fd : handed)
        fds.push_back(fd.get());
    const PidNamespace own_processes = TRY(PidNamespace::make(options_.pid_namespaces));
    const pid_t pid = TRY(spawn(program(kind), std::move(arguments), fds));
    {
        const std::lock_guard lock(mutex_);
        children_.push_back(pid);
        processes_[{uuid, kind}].push_back(pid);
    }
    // Without the right to, it works as well as others do.
    static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<id_t>(pid), -options_.priority));
    give_group({uuid, kind}, pid);
    return Unit{};
}

std::chrono::microseconds ProcessLauncher::watch(DeviceKind kind)
{
    if (options_.watch || kind == DeviceKind::nic)
        return options_.watch.value_or(kCardWatch);
    std::call_once(measured_, [this] { disk_watch_ = watch_length(sleep_cost()); });
    return disk_watch_;
}

void ProcessLauncher::give_group(const Mark& owner, pid_t pid)
{
    if (options_.scope)
        scope_.move(group_name(owner.first, owner.second), pid);
}

// Whether the number still stands for that process. A child's does until we wait for it, even while
// its mark cannot be read yet; others may have ended, and somebody else may have their number.
bool ProcessLauncher::is_still(const Mark& owner, pid_t pid)
{
    {
        const std::lock_guard lock(mutex_);
        if (std::ranges::find(children_, pid) != children_.end())
            return true;
    }
    const auto process = marked_process(std::to_string(pid), options_.uid);
    return process && process->uuid == owner.first && process->kind == owner.second;
}

Outcome<std::vector<pid_t>> ProcessLauncher::known(const Mark& owner)
{
    const std::lock_guard lock(mutex_);
    if (!searched_) {
        for (const DeviceRemains::Process& process : TRY(find())) {
            processes_[{process.uuid, process.kind}].push_back(process.pid);
            if (!BackendScope::holds(group_name(process.uuid, process.kind), process.pid))
                give_group({process.uuid, process.kind}, process.pid); // the daemon died before
        }
        if (options_.scope)
            scope_.remove_empty(); // of those that ended without us
        searched_ = true;
    }
    const auto found = processes_.find(owner);
    return found == processes_.end() ? std::vector<pid_t>{} : found->second;
}

Outcome<UniqueFd> ProcessLauncher::connect(const rpc::Uuid& uuid, DeviceKind kind)
{
    const std::string path = socket_path(uuid, kind);
    UniqueFd fd{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    const sockaddr_un address = address_of(path);
    if (fd &&
        ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0)
        return fd;
    Error error = system_error("cannot reach the backend at " + path, errno);
    error.code = Code::unreachable;
    return error;
}

std::optional<std::uint32_t> ProcessLauncher::hearing(DomId domid, EventPort port)
{
    if (!options_.hearing || std::thread::hardware_concurrency() < 2)
        return std::nullopt;
    const auto processor = options_.hearing(domid, port);
    return processor && *processor < backend::kMaxProcessors ? std::optional{*processor}
                                                             : std::nullopt;
}

Outcome<Unit>
ProcessLauncher::kill(const rpc::Uuid& uuid, DeviceKind kind, std::chrono::milliseconds grace)
{
    for (const pid_t pid : TRY(known({uuid, kind}))) {
        const UniqueFd pidfd = pidfd_of(pid);
        if (!pidfd || !is_still({uuid, kind}, pid))
            continue;
        if (!wait_end(pidfd, grace)) {
            ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
            if (!wait_end(pidfd, std::chrono::seconds{10}))
                return Error{
                    Code::timeout,
                    "backend process " + std::to_string(pid) + " does not die",
                    "it waits for storage; look at `dmesg`"};
        }
    }
    forget({uuid, kind});
    ::unlink(socket_path(uuid, kind).c_str());
    return Unit{};
}

Outcome<Unit>
ProcessLauncher::end(const rpc::Uuid& uuid, DeviceKind kind, std::chrono::milliseconds grace)
{
    TRY(kill(uuid, kind, grace));
    const std::string prefix = journal_prefix(uuid, kind);
    std::error_code failed;
    for (const fs::directory_entry& entry : fs::directory_iterator(options_.directory, failed))
        if (entry.path().filename().string().starts_with(prefix))
            ::unlink(entry.path().c_str());
    return Unit{};
}

std::string ProcessLauncher::journal_path(const rpc::Uuid& uuid, DeviceKey device) const
{
    return options_.directory + "/" + journal_prefix(uuid, device.kind) +
           std::to_string(device.devid);
}

Outcome<UniqueFd> ProcessLauncher::journal(const rpc::Uuid& uuid, DeviceKey device)
{
    const std::string path = journal_path(uuid, device);
    UniqueFd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!fd)
        return system_error("cannot make " + path, errno);
    return fd;
}

void ProcessLauncher::drop_journal(const rpc::Uuid& uuid, DeviceKey device)
{
    ::unlink(journal_path(uuid, device).c_str());
}

// Children of ours leave their status behind; those of an earlier daemon are init's.
void ProcessLauncher::forget(const Mark& owner)
{
    const std::lock_guard lock(mutex_);
    processes_.erase(owner);
    std::erase_if(children_, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
    if (options_.scope)
        scope_.remove(group_name(owner.first, owner.second));
}

Outcome<std::vector<DeviceRemains::Process>> ProcessLauncher::find()
{
    std::vector<DeviceRemains::Process> processes;
    std::error_code failed;
    for (const fs::directory_entry& entry : fs::directory_iterator("/proc", failed))
        if (const auto process = marked_process(entry.path().filename(), options_.uid))
            processes.push_back(*process);
    if (failed)
        return Error{Code::failed, "cannot read /proc: " + failed.message(), {}};
    return processes;
}

} // namespace zocalo::toolstack
