// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/sys/core_folder.hpp"

#include "common/posix/unique_fd.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <vector>

namespace zocalo::toolstack {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPart = ".part"; // not complete
constexpr int kLookMs = 100;

struct CoreFile {
    std::string path;
    std::uint64_t bytes{};
    std::int64_t changed{};
};

std::uint64_t bytes_on_disk(const struct stat& file)
{
    return static_cast<std::uint64_t>(file.st_blocks) * 512;
}

// Complete ones, oldest first. What an interrupted dump left is removed: one writer holds a lock
// on its file, and the next one takes the name.
std::vector<CoreFile> files_in(const std::string& folder)
{
    std::vector<CoreFile> files;
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(folder, failed)) {
        struct stat file {};
        const std::string path = entry.path().string();
        if (::lstat(path.c_str(), &file) != 0 || !S_ISREG(file.st_mode))
            continue;
        if (path.ends_with(".core"))
            files.push_back({path, bytes_on_disk(file), file.st_mtim.tv_sec});
        else if (path.ends_with(kPart))
            ::unlink(path.c_str());
    }
    std::ranges::sort(files, {}, &CoreFile::changed);
    return files;
}

Outcome<Unit> sync_folder(const std::string& folder)
{
    const UniqueFd fd{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!fd || ::fsync(fd.get()) != 0)
        return system_error("cannot write " + folder, errno);
    return Unit{};
}

// What the program said last, for the error.
std::string last_line(int fd)
{
    std::array<char, 4096> buffer{};
    std::string text;
    for (ssize_t n = 0; (n = ::read(fd, buffer.data(), buffer.size())) > 0;) {
        text.append(buffer.data(), static_cast<std::size_t>(n));
        if (text.size() > 4 * buffer.size())
            text.erase(0, text.size() - buffer.size());
    }
    while (!text.empty() && text.back() == '\n')
        text.pop_back();
    const std::size_t line = text.rfind('\n');
    return line == std::string::npos ? text : text.substr(line + 1);
}

struct Child {
    pid_t pid{};
    UniqueFd said; // its stderr; not read before it has ended or the pipe is full
};

Outcome<Child> start(const std::string& program, std::vector<std::string> arguments)
{
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0)
        return system_error("cannot make a pipe", errno);
    Child child{0, UniqueFd{ends[0]}};
    const UniqueFd theirs{ends[1]};
    std::vector<char*> argv;
    for (std::string& argument : arguments)
        argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::array<char*, 1> environment{nullptr};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&files, 0, 1);
    posix_spawn_file_actions_adddup2(&files, theirs.get(), 2);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    const int failed = ::posix_spawn(
        &child.pid, program.c_str(), &files, &attributes, argv.data(), environment.data()
    );
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    if (failed != 0)
        return system_error("cannot start " + program, failed, "is the package installed whole?");
    return child;
}

// Its exit status; -1 when it was ended because of `give_up`.
int wait_for(const Child& child, const GiveUp& give_up)
{
    const UniqueFd pidfd{static_cast<int>(::syscall(SYS_pidfd_open, child.pid, 0))};
    bool ended = false;
    while (pidfd && !ended && !*give_up) {
        pollfd ready{pidfd.get(), POLLIN, 0};
        ended = ::poll(&ready, 1, kLookMs) == 1;
    }
    if (!ended)
        ::kill(child.pid, SIGKILL);
    int status = 0;
    while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
    }
    return ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

} // namespace

Outcome<std::uint64_t> CoreFolder::make_room() const
{
    std::error_code failed;
    fs::create_directories(folder_, failed);
    ::chmod(folder_.c_str(), 0700);
    auto files = files_in(folder_);
    std::uint64_t total = 0;
    for (const CoreFile& file : files)
        total += file.bytes;
    const std::uint64_t room = std::min(limits_.file_bytes, limits_.total_bytes);
    std::size_t kept = files.size();
    for (const CoreFile& file : files) {
        if (kept < limits_.files && total + room <= limits_.total_bytes)
            break;
        ::unlink(file.path.c_str());
        total -= file.bytes;
        --kept;
    }
    struct statvfs space {};
    if (::statvfs(folder_.c_str(), &space) != 0)
        return system_error("cannot look at " + folder_, errno);
    const std::uint64_t free = space.f_bavail * space.f_frsize;
    if (free <= limits_.leave_free_bytes)
        return Error{
            Code::failed,
            "no room for a core file in " + folder_ + ": " + std::to_string(free >> 20U) +
                " MiB are free, " + std::to_string(limits_.leave_free_bytes >> 20U) +
                " MiB of them are left alone",
            "make room there, or set dumps.folder in toolstackd.toml"};
    return std::min(room, free - limits_.leave_free_bytes);
}

Outcome<Unit> CoreFolder::run(
    DomId domid, const std::string& path, std::uint64_t limit, const GiveUp& give_up
) const
{
    Child child = TRY(start(
        program_, {"zocalo-dump-core", std::to_string(domid.value), path, std::to_string(limit)}
    ));
    const int status = wait_for(child, give_up);
    if (status == 0)
        return Unit{};
    if (*give_up)
        return Error{Code::failed, "the core file was given up", {}};
    const std::string said = last_line(child.said.get());
    return Error{Code::failed, said.empty() ? "the program that writes core files died" : said, {}};
}

Outcome<CoreDump>
CoreFolder::dump(DomId domid, const std::string& name, const GiveUp& give_up) const
{
    const std::uint64_t limit = TRY(make_room());
    const std::string path = folder_ + "/" + name, part = path + kPart;
    const auto written = run(domid, part, limit, give_up);
    if (!written) {
        ::unlink(part.c_str());
        return written.error();
    }
    struct stat file {};
    if (::stat(part.c_str(), &file) != 0 || ::rename(part.c_str(), path.c_str()) != 0)
        return system_error("cannot name the core file " + path, errno);
    TRY(sync_folder(folder_));
    return CoreDump{path, bytes_on_disk(file)};
}

} // namespace zocalo::toolstack
