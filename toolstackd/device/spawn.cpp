// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/device/spawn.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <unistd.h>

namespace zocalo::toolstack {
namespace {

struct SpawnSetup {
    SpawnSetup()
    {
        posix_spawn_file_actions_init(&files);
        posix_spawnattr_init(&attributes);
    }
    ~SpawnSetup()
    {
        posix_spawn_file_actions_destroy(&files);
        posix_spawnattr_destroy(&attributes);
    }
    SpawnSetup(const SpawnSetup&) = delete;
    SpawnSetup& operator=(const SpawnSetup&) = delete;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
};

} // namespace

Outcome<PidNamespace> PidNamespace::make(bool wanted)
{
    PidNamespace made;
    if (!wanted)
        return made;
    made.ours_.reset(::open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC));
    if (!made.ours_ || ::unshare(CLONE_NEWPID) != 0)
        return system_error("cannot make a PID namespace for a backend", errno);
    return made;
}

PidNamespace::~PidNamespace()
{
    if (ours_)
        ::setns(ours_.get(), CLONE_NEWPID);
}

Outcome<pid_t>
spawn(const std::string& program, std::vector<std::string> arguments, std::span<const int> fds)
{
    SpawnSetup setup;
    posix_spawn_file_actions_addopen(&setup.files, 0, "/dev/null", O_RDONLY, 0);
    for (int next = STDERR_FILENO + 1; const int fd : fds)
        posix_spawn_file_actions_adddup2(&setup.files, fd, next++);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&setup.attributes, &none);
    posix_spawnattr_setsigdefault(&setup.attributes, &all);
    posix_spawnattr_setflags(
        &setup.attributes,
        static_cast<short>(POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)
    );
    std::vector<char*> argv;
    for (std::string& argument : arguments)
        argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::array<char*, 1> environment{};
    pid_t pid{};
    const int error = posix_spawn(
        &pid, program.c_str(), &setup.files, &setup.attributes, argv.data(), environment.data()
    );
    if (error != 0)
        return system_error("cannot start " + program, error, "is the package installed whole?");
    return pid;
}

} // namespace zocalo::toolstack
