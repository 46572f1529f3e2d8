// SPDX-License-Identifier: Apache-2.0
#include "backends/common/sandbox.hpp"

#include <xen/event_channel.h> // for domid_t, which the next one uses
#include <xen/sys/evtchn.h>
#include <xen/sys/gntdev.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace zocalo::backend {
namespace {

// What the event loop, the control socket, the allocator and the C library's own end need.
constexpr std::array kCommonCalls{
    SYS_accept4,
    SYS_brk,
    SYS_clock_gettime,
    SYS_close,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_epoll_wait,
    SYS_exit,
    SYS_exit_group,
    SYS_fcntl,
    SYS_fstat,
    SYS_futex,
    SYS_getcpu, // where neither rseq nor the vDSO tells
    SYS_getpid,
    SYS_getrandom,
    SYS_getsockopt,
    SYS_gettid,
    SYS_gettimeofday,
    SYS_lseek,
    SYS_madvise,
    SYS_mremap,
    SYS_munmap,
    SYS_newfstatat,
    SYS_poll,
    SYS_read,
    SYS_readv,
    SYS_recvmsg,
    SYS_restart_syscall,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sched_yield,
    SYS_sendmsg,
    SYS_shutdown,
    SYS_tgkill,
    SYS_timerfd_settime,
    SYS_write,
    SYS_writev,
};

constexpr std::uint32_t kNumber = offsetof(seccomp_data, nr);
constexpr std::uint32_t kArch = offsetof(seccomp_data, arch);
// Of every kind: event channels of one domain, grants, and how a descriptor becomes non-blocking.
constexpr std::array<std::uint32_t, 8> kCommonIoctls{
    static_cast<std::uint32_t>(IOCTL_EVTCHN_BIND_INTERDOMAIN),
    static_cast<std::uint32_t>(IOCTL_EVTCHN_UNBIND),
    static_cast<std::uint32_t>(IOCTL_EVTCHN_NOTIFY),
    static_cast<std::uint32_t>(IOCTL_GNTDEV_MAP_GRANT_REF),
    static_cast<std::uint32_t>(IOCTL_GNTDEV_UNMAP_GRANT_REF),
    static_cast<std::uint32_t>(IOCTL_GNTDEV_GRANT_COPY),
    static_cast<std::uint32_t>(FIONBIO),
    static_cast<std::uint32_t>(FIONREAD),
};

// The lower half of an argument; the kernel itself looks at no more of these.
constexpr std::uint32_t argument(unsigned n)
{
    return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + 8 * n);
}

class Filter {
  public:
    Filter()
    {
        load(kArch);
        jump(BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0);
        answer(SECCOMP_RET_KILL_PROCESS);
        load(kNumber);
    }
    void allow(long call)
    {
        jump(BPF_JEQ, static_cast<std::uint32_t>(call), 0, 1);
        answer(SECCOMP_RET_ALLOW);
    }
    // Only with an argument out of the list.
    void allow(long call, unsigned arg, std::span<const std::uint32_t> values)
    {
        const auto rest = static_cast<std::uint32_t>(2 * values.size() + 2);
        jump(BPF_JEQ, static_cast<std::uint32_t>(call), 1, 0);
        skip(rest);
        load(argument(arg));
        for (const std::uint32_t value : values) {
            jump(BPF_JEQ, value, 0, 1);
            answer(SECCOMP_RET_ALLOW);
        }
        answer(SECCOMP_RET_KILL_PROCESS);
    }
    // Only when none of these bits is set in the argument.
    void allow_without(long call, unsigned arg, std::uint32_t bits)
    {
        jump(BPF_JEQ, static_cast<std::uint32_t>(call), 0, 4);
        load(argument(arg));
        jump(BPF_JSET, bits, 1, 0);
        answer(SECCOMP_RET_ALLOW);
        answer(SECCOMP_RET_KILL_PROCESS);
    }
    Outcome<Unit> install()
    {
        answer(SECCOMP_RET_KILL_PROCESS);
        const sock_fprog program{static_cast<unsigned short>(code_.size()), code_.data()};
        if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) !=
            0)
            return system_error("cannot limit the system calls", errno);
        return Unit{};
    }

  private:
    void load(std::uint32_t offset) { code_.push_back({BPF_LD | BPF_W | BPF_ABS, 0, 0, offset}); }
    void jump(unsigned test, std::uint32_t value, unsigned yes, unsigned no)
    {
        code_.push_back(
            {static_cast<std::uint16_t>(BPF_JMP | test | BPF_K),
             static_cast<std::uint8_t>(yes),
             static_cast<std::uint8_t>(no),
             value}
        );
    }
    void skip(std::uint32_t count) { code_.push_back({BPF_JMP | BPF_JA, 0, 0, count}); }
    void answer(std::uint32_t what) { code_.push_back({BPF_RET | BPF_K, 0, 0, what}); }

    std::vector<sock_filter> code_;
};

Outcome<Unit> refused(bool good, const char* what)
{
    if (!good)
        return system_error(what, errno);
    return Unit{};
}

} // namespace

Outcome<Unit> isolate()
{
    TRY(refused(
        ::unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) == 0,
        "cannot make namespaces"
    ));
    TRY(refused(
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0,
        "cannot make the mounts private"
    ));
    constexpr unsigned long kNothing = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    TRY(refused(
        ::mount("none", "/run", "tmpfs", kNothing, "size=4k,nr_inodes=2,mode=0555") == 0 &&
            ::chdir("/run") == 0 && ::syscall(SYS_pivot_root, ".", ".") == 0 &&
            ::umount2(".", MNT_DETACH) == 0 && ::chdir("/") == 0,
        "cannot enter an empty root"
    ));
    return refused(
        ::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_RDONLY | kNothing, nullptr) == 0,
        "cannot make the empty root read-only"
    );
}

Outcome<Unit> lock_memory()
{
    // One arena: looking for more of them would open files of /sys.
    ::mallopt(M_ARENA_MAX, 1);
    const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
    TRY(refused(::setrlimit(RLIMIT_MEMLOCK, &all) == 0, "cannot lift the limit of locked memory"));
    return refused(
        ::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0, "cannot lock the memory"
    );
}

Outcome<Unit> allow_only(std::span<const int> calls, std::span<const std::uint32_t> ioctls)
{
    Filter filter;
    std::vector<std::uint32_t> numbers(kCommonIoctls.begin(), kCommonIoctls.end());
    numbers.insert(numbers.end(), ioctls.begin(), ioctls.end());
    filter.allow(SYS_ioctl, 1, numbers);
    filter.allow(SYS_sched_setaffinity, 0, std::array{0U}); // its own (home.hpp)
    filter.allow(SYS_sched_getaffinity, 0, std::array{0U});
    for (const long call : kCommonCalls)
        filter.allow(call);
    for (const int call : calls)
        filter.allow(call);
    filter.allow_without(SYS_mmap, 2, PROT_EXEC);
    filter.allow_without(SYS_mprotect, 2, PROT_EXEC);
    return filter.install();
}

} // namespace zocalo::backend
