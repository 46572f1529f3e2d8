// SPDX-License-Identifier: Apache-2.0
#include "backends/common/process.hpp"

#include "backends/common/sandbox.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <string_view>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace zocalo::backend {
namespace {

// Beyond this the other rings of the process would notice.
constexpr std::chrono::microseconds kLongestPoll{10'000};

Error bad_argument(std::string_view argument)
{
    return Error{
        Code::usage,
        "cannot understand the argument `" + std::string{argument} + "`",
        "toolstackd starts this program; by hand: --domain=N --listen-fd=N --evtchn-fd=N "
        "--gntdev-fd=N [--gntalloc-fd=N] [--uid=N --gid=N] [--poll-us=N]; of disks: "
        "[--engine=libaio|io_uring]"};
}

Outcome<unsigned> number_after(std::string_view argument, std::string_view name)
{
    const std::string_view text = argument.substr(name.size());
    unsigned value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc{} || stop != text.data() + text.size() ||
        value > 0x7fffffffu)
        return bad_argument(argument);
    return value;
}

Outcome<Unit> apply(std::string_view argument, Options& options, bool& domain_given)
{
    if (argument == "--version") {
        options.version = true;
    } else if (argument.starts_with("--domain=")) {
        const unsigned domain = TRY(number_after(argument, "--domain="));
        if (domain == 0 || domain >= kFirstReservedDomId)
            return bad_argument(argument);
        options.domain = DomId{static_cast<std::uint16_t>(domain)};
        domain_given = true;
    } else if (argument.starts_with("--listen-fd=")) {
        options.listen_fd = static_cast<int>(TRY(number_after(argument, "--listen-fd=")));
    } else if (argument.starts_with("--evtchn-fd=")) {
        options.evtchn_fd = static_cast<int>(TRY(number_after(argument, "--evtchn-fd=")));
    } else if (argument.starts_with("--gntdev-fd=")) {
        options.gntdev_fd = static_cast<int>(TRY(number_after(argument, "--gntdev-fd=")));
    } else if (argument.starts_with("--gntalloc-fd=")) {
        options.gntalloc_fd = static_cast<int>(TRY(number_after(argument, "--gntalloc-fd=")));
    } else if (argument.starts_with("--uid=")) {
        options.uid = TRY(number_after(argument, "--uid="));
    } else if (argument.starts_with("--gid=")) {
        options.gid = TRY(number_after(argument, "--gid="));
    } else if (argument.starts_with("--poll-us=")) {
        options.poll = std::chrono::microseconds{TRY(number_after(argument, "--poll-us="))};
        if (options.poll > kLongestPoll)
            return bad_argument(argument);
    } else {
        return bad_argument(argument);
    }
    return Unit{};
}

Outcome<Unit> refused(bool good, const char* what)
{
    if (!good)
        return system_error(what, errno);
    return Unit{};
}

Outcome<Unit> limit(int resource, rlim_t most)
{
    const rlimit bound{most, most};
    return refused(
        ::setrlimit(static_cast<__rlimit_resource_t>(resource), &bound) == 0,
        "cannot limit a resource"
    );
}

// While still root, or else nothing could be dropped; without CAP_SETPCAP the set stays, and
// no_new_privs makes it worthless.
Outcome<Unit> drop_bounding_set()
{
    for (int cap = 0; ::prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; ++cap)
        if (::prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0 && errno != EPERM)
            return system_error("cannot drop a capability", errno);
    return Unit{};
}

Outcome<Unit> become(unsigned uid, unsigned gid)
{
    TRY(refused(::setgroups(0, nullptr) == 0, "cannot drop the supplementary groups"));
    TRY(refused(::setresgid(gid, gid, gid) == 0, "cannot change the group"));
    return refused(::setresuid(uid, uid, uid) == 0, "cannot change the user");
}

Outcome<Unit> drop_capabilities()
{
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> none{};
    return refused(
        ::syscall(SYS_capset, &header, none.data()) == 0, "cannot drop the capabilities"
    );
}

} // namespace

Outcome<Options> parse_options(std::span<char* const> arguments, const TakeOwn& own)
{
    Options options;
    bool domain_given = false;
    for (const char* argument : arguments)
        if (!own || !own(argument))
            TRY(apply(argument, options, domain_given));
    if (!domain_given && !options.version)
        return Error{Code::usage, "the argument --domain=N is missing", {}};
    return options;
}

Outcome<Handed> take_descriptors(const Options& options)
{
    std::vector fds{options.listen_fd, options.evtchn_fd, options.gntdev_fd};
    if (options.gntalloc_fd >= 0)
        fds.push_back(options.gntalloc_fd);
    for (int fd : fds) {
        if (fd <= STDERR_FILENO || ::fcntl(fd, F_GETFD) < 0)
            return Error{
                Code::usage,
                "descriptor " + std::to_string(fd) + " was announced but is not open",
                "the supervisor must hand over socket, event channel and grant device at exec"};
    }
    std::sort(fds.begin(), fds.end());
    unsigned next = STDERR_FILENO + 1;
    for (int fd : fds) {
        if (static_cast<unsigned>(fd) > next)
            ::close_range(next, static_cast<unsigned>(fd) - 1, 0);
        next = static_cast<unsigned>(fd) + 1;
    }
    ::close_range(next, ~0u, 0);

    Handed handed;
    handed.listening.reset(options.listen_fd);
    ::fcntl(options.listen_fd, F_SETFD, FD_CLOEXEC);
    ::fcntl(options.listen_fd, F_SETFL, ::fcntl(options.listen_fd, F_GETFL) | O_NONBLOCK);
    handed.events = TRY(xen::open_event_channels(UniqueFd{options.evtchn_fd}));
    handed.grants = TRY(xen::open_grant_table(UniqueFd{options.gntdev_fd}));
    handed.own_grants.reset(options.gntalloc_fd);
    // From here on a taken-over process can reach no other domain's event channels.
    TRY(handed.events->restrict_to(options.domain));
    return handed;
}

Outcome<Unit> drop_rights(const Options& options, unsigned open_files)
{
    if (::geteuid() == 0) {
        TRY(isolate());
        TRY(lock_memory());
    }
    TRY(limit(RLIMIT_NOFILE, open_files));
    TRY(limit(RLIMIT_CORE, 0));
    TRY(drop_bounding_set());
    if (options.uid != 0)
        TRY(become(options.uid, options.gid));
    TRY(refused(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "cannot set no_new_privs"));
    TRY(refused(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0, "cannot make the process undumpable"));
    return drop_capabilities();
}

} // namespace zocalo::backend
