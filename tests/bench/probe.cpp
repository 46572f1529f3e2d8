// SPDX-License-Identifier: Apache-2.0
// zocalo-probe: what the primitives of an operating system cost, in ticks of the time stamp
// counter. On an emulated machine whose clock counts instructions (QEMU's -icount shift=0) a tick
// is one instruction. Prints "probe NAME TICKS" per line, the median of many batches. The lines are
// those of lmbench (McVoy and Staelin, 1996) that the paper on Xen of 2003 compares. As the first
// process of a machine it also says when it started, and switches the machine off at the end. With
// the environment's PROBE=NAME it measures only that line; with PROBE=wake, how late it wakes, for
// ever.
#include "tests/bench/probe.hpp"

#include <csignal>
#include <ctime>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace probe {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kPages = 64;
constexpr std::size_t kMapBytes = 1 << 20;
constexpr std::size_t kMapStride = 16 << 10;
int own_file; // of one page, in memory
int zero_device;
const char* own_path;
char* fault_area;

void null_call()
{
    syscall(SYS_getppid);
}

void null_io()
{
    char byte;
    must(read(zero_device, &byte, 1) == 1, "read /dev/zero");
}

void stat_file()
{
    struct stat found;
    must(stat(own_path, &found) == 0, "stat");
}

void open_and_close()
{
    const int file = open(own_path, O_RDONLY);
    must(file >= 0 && close(file) == 0, "open");
}

void take_signal()
{
    kill(getpid(), SIGUSR1);
}

void wait_for(pid_t child)
{
    int status;
    must(child > 0 && waitpid(child, &status, 0) == child && status == 0, "child");
}

void fork_and_exit()
{
    const pid_t child = fork();
    if (child == 0)
        _exit(0);
    wait_for(child);
}

void fork_and_exec()
{
    const pid_t child = fork();
    if (child == 0) {
        execl(own_path, own_path, "nothing", static_cast<char*>(nullptr));
        _exit(1);
    }
    wait_for(child);
}

char* map(std::size_t bytes, int flags, int file)
{
    void* const area = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, file, 0);
    must(area != MAP_FAILED, "mmap");
    return static_cast<char*>(area);
}

void touch(char* area, std::size_t bytes, std::size_t stride)
{
    for (std::size_t at = 0; at < bytes; at += stride)
        *const_cast<volatile char*>(area + at) = 1;
}

// The pages are let go between two rounds, so that each is a fault, of 4 KiB.
void fault_pages()
{
    must(madvise(fault_area, kPages * kPage, MADV_DONTNEED) == 0, "madvise");
    touch(fault_area, kPages * kPage, kPage);
}

void map_file()
{
    char* const area = map(kMapBytes, MAP_SHARED, own_file);
    touch(area, kMapBytes, kMapStride);
    munmap(area, kMapBytes);
}

void protect()
{
    must(mprotect(fault_area, kPages * kPage, PROT_READ) == 0, "mprotect");
    must(mprotect(fault_area, kPages * kPage, PROT_READ | PROT_WRITE) == 0, "mprotect");
}

void measure_pipe()
{
    int there[2], back[2];
    must(pipe(there) == 0 && pipe(back) == 0, "pipe");
    const pid_t child = fork();
    if (child == 0) {
        close(there[1]);
        char byte;
        while (read(there[0], &byte, 1) == 1)
            if (write(back[1], &byte, 1) != 1)
                break;
        _exit(0);
    }
    close(there[0]);
    measure("pipe", 50, [&] {
        char byte = 1;
        must(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1, "pipe");
    });
    close(there[1]);
    wait_for(child);
}

void on_signal(int) {}

void prepare(const char* path)
{
    own_path = path;
    zero_device = open("/dev/zero", O_RDONLY);
    own_file = memfd_create("probe", 0);
    must(zero_device >= 0 && own_file >= 0, "files");
    must(ftruncate(own_file, kMapBytes) == 0, "ftruncate");
    struct sigaction action {};
    action.sa_handler = on_signal;
    must(sigaction(SIGUSR1, &action, nullptr) == 0, "sigaction");
    fault_area = map(kPages * kPage, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    madvise(fault_area, kPages * kPage, MADV_NOHUGEPAGE);
    touch(fault_area, kPages * kPage, kPage);
}

void measure_all()
{
    measure("null_call", 1000, null_call);
    measure("null_io", 500, null_io);
    measure("stat", 300, stat_file);
    measure("open_close", 200, open_and_close);
    measure("signal", 200, take_signal);
    measure("fork_exit", 4, fork_and_exit);
    measure("fork_exec", 4, fork_and_exec);
    measure("page_faults_64", 4, fault_pages);
    measure("mmap_1mib", 4, map_file);
    measure("mprotect_64", 20, protect);
    measure_pipe();
    measure_xen();
}

std::uint64_t nanoseconds()
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec);
}

// For ever: how late a process wakes that sleeps most of the time, in nanoseconds.
[[noreturn]] void watch_wakeups()
{
    constexpr std::uint64_t kSleep = 2'000'000;
    std::array<std::uint64_t, 200> late{};
    for (;;) {
        for (std::uint64_t& one : late) {
            const std::uint64_t due = nanoseconds() + kSleep;
            const struct timespec until {
                static_cast<time_t>(due / 1'000'000'000), static_cast<long>(due % 1'000'000'000)
            };
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
            one = nanoseconds() - due;
        }
        std::sort(late.begin(), late.end());
        tell("wake_median", late[late.size() / 2]);
        tell("wake_max", late.back());
    }
}

void start_machine()
{
    const std::uint64_t now = ticks();
    must(mount("proc", "/proc", "proc", 0, nullptr) == 0, "/proc");
    must(mount("dev", "/dev", "devtmpfs", 0, nullptr) == 0, "/dev");
    tell("start", now);
}

} // namespace
} // namespace probe

int main(int count, char** words)
{
    using namespace probe;
    if (count > 1 && std::strcmp(words[1], "nothing") == 0)
        return 0; // what fork+exec runs
    if (count > 2 && std::strcmp(words[1], "ping") == 0) {
        measure_ping(static_cast<unsigned>(std::strtoul(words[2], nullptr, 10)));
        return 0;
    }
    const bool first_process = getpid() == 1;
    if (first_process)
        start_machine();
    char path[kPage]{};
    must(readlink("/proc/self/exe", path, sizeof(path) - 1) > 0, words[0]);
    if (const char* const only = std::getenv("PROBE");
        only != nullptr && std::strcmp(only, "wake") == 0)
        watch_wakeups();
    prepare(path);
    measure_all();
    tell("end", ticks());
    if (first_process)
        reboot(RB_POWER_OFF);
    return 0;
}
