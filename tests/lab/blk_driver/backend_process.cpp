// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/blk_driver/backend_process.hpp"

#include "common/error/error.hpp"
#include "common/posix/unique_fd.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

namespace zocalo::lab {

Arguments parse(int argc, char** argv)
{
    Arguments arguments;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const std::string value = word.substr(word.find('=') + 1);
        if (word.starts_with("--domain="))
            arguments.domain = static_cast<unsigned>(std::stoul(value));
        else if (word.starts_with("--device="))
            arguments.device = static_cast<unsigned>(std::stoul(value));
        else if (word.starts_with("--image="))
            arguments.image = value;
        else if (word.starts_with("--backend="))
            arguments.backend = value;
        else if (word.starts_with("--uid="))
            arguments.uid = static_cast<unsigned>(std::stoul(value));
        else if (word == "--read-only")
            arguments.read_only = true;
        else
            throw std::runtime_error{"unknown argument " + word};
    }
    return arguments;
}

int open_or_die(const std::string& path, int flags)
{
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
    if (fd < 0)
        throw std::runtime_error{describe(system_error("cannot open " + path, errno))};
    return fd;
}

BackendProcess::BackendProcess(const Arguments& arguments)
    : arguments_{arguments}, socket_path_{"/run/blk_driver-" + std::to_string(::getpid()) + ".sock"}
{
}

BackendProcess::~BackendProcess()
{
    ::unlink(socket_path_.c_str());
}

void BackendProcess::start()
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_path_.copy(address.sun_path, sizeof address.sun_path - 1);
    UniqueFd listening{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
    ::unlink(socket_path_.c_str());
    if (::bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listening.get(), 4) != 0)
        throw std::runtime_error{"cannot listen at " + socket_path_};
    UniqueFd events{open_or_die("/dev/xen/evtchn", O_RDWR)};
    UniqueFd grants{open_or_die("/dev/xen/gntdev", O_RDWR)};
    child_ = ::fork();
    if (child_ == 0)
        exec(listening.release(), events.release(), grants.release());
    std::printf("backend pid %d\n", child_);
}

void BackendProcess::exec(int listening, int events, int grants)
{
    // Out of the way first: the numbers wanted may be taken.
    const int from[3] = {
        ::fcntl(listening, F_DUPFD, 20),
        ::fcntl(events, F_DUPFD, 20),
        ::fcntl(grants, F_DUPFD, 20)};
    for (int i = 0; i < 3; ++i)
        ::dup2(from[i], 3 + i);
    const std::string domain = "--domain=" + std::to_string(arguments_.domain);
    const std::string uid = "--uid=" + std::to_string(arguments_.uid);
    const std::string gid = "--gid=" + std::to_string(arguments_.uid);
    ::execl(
        arguments_.backend.c_str(),
        "zocalo-blkback",
        domain.c_str(),
        uid.c_str(),
        gid.c_str(),
        nullptr
    );
    std::perror(arguments_.backend.c_str());
    ::_exit(127);
}

void BackendProcess::kill()
{
    ::kill(child_, SIGKILL);
    wait();
}

int BackendProcess::wait()
{
    int status = 0;
    ::waitpid(child_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace zocalo::lab
