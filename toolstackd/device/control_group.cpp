// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/device/control_group.hpp"

#include "common/posix/unique_fd.hpp"

#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace zocalo::toolstack {
namespace {

struct Limit {
    const char* file;
    const char* most;
};
// More threads than any backend has, and the buffers of as many devices as one process may serve.
constexpr Limit kLimits[] = {{"pids.max", "8"}, {"memory.max", "805306368"}};
constexpr const char* kControllers = "+pids +memory";
constexpr int kRemovals = 20;
constexpr std::chrono::milliseconds kBetweenRemovals{10};

// 0, or errno. One write: the kernel takes each as an order of its own.
int write_to(const std::string& path, std::string_view text)
{
    const UniqueFd file{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
    if (!file || ::write(file.get(), text.data(), text.size()) < 0)
        return errno;
    return 0;
}

// What is not there, or has just gone, is told apart: systemd removes the tree with its last
// process.
Error failure(const std::string& what, int errno_value)
{
    Error error = system_error(what, errno_value);
    if (errno_value == ENOENT || errno_value == ENODEV)
        error.code = Code::not_found;
    return error;
}

// How long processes waited for processor, memory and disk is counted at each change of process in
// each group above it, a fiftieth of what a small packet costs. Nobody asks it of backends; the
// host's figures are not touched. Kernels before 6.1 cannot leave it out.
void count_no_pressure(const std::string& group)
{
    write_to(group + "/cgroup.pressure", "0");
}

int set_limits(const std::string& group)
{
    count_no_pressure(group);
    for (const Limit& limit : kLimits)
        if (const int error = write_to(group + "/" + limit.file, limit.most); error != 0)
            return error;
    return 0;
}

} // namespace

Outcome<Unit> put_into_group(const std::string& tree, const std::string& name, pid_t pid)
{
    const std::string group = tree + "/" + name;
    if (::mkdir(group.c_str(), 0755) != 0 && errno != EEXIST)
        return failure("cannot make the control group " + group, errno);
    const int moved = write_to(group + "/cgroup.procs", std::to_string(pid));
    if (moved == ESRCH) {
        ::rmdir(group.c_str());
        return Unit{};
    }
    if (moved != 0)
        return failure("cannot put a process into the control group " + group, moved);
    int limited = set_limits(group);
    if (limited == ENOENT) {
        // The tree's first group. Before, the process stood in the tree's root, and a group with
        // processes of its own may not have its controllers passed on.
        count_no_pressure(tree);
        limited = write_to(tree + "/cgroup.subtree_control", kControllers);
        if (limited == 0)
            limited = set_limits(group);
    }
    if (limited != 0)
        return system_error("cannot bound the control group " + group, limited);
    return Unit{};
}

void remove_group(const std::string& tree, const std::string& name)
{
    const std::string group = tree + "/" + name;
    for (int i = 0; i < kRemovals && ::rmdir(group.c_str()) != 0 && errno == EBUSY; ++i)
        std::this_thread::sleep_for(kBetweenRemovals);
}

void remove_empty_groups(const std::string& tree)
{
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(tree, failed))
        if (entry.is_directory(failed))
            ::rmdir(entry.path().c_str()); // refuses those that hold processes
}

std::string group_of(pid_t pid)
{
    std::ifstream file("/proc/" + std::to_string(pid) + "/cgroup");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("0::")) {
            const std::size_t last = line.rfind('/');
            const std::size_t before = last == 0 ? 0 : line.rfind('/', last - 1);
            return line.substr(before == std::string::npos ? last + 1 : before + 1);
        }
    return {};
}

} // namespace zocalo::toolstack
