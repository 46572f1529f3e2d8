// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/cli/fake_daemon.hpp"

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace zocalo::cli {
namespace {

std::string fresh_path()
{
    static std::atomic<int> count{0};
    return "/tmp/zl-test-" + std::to_string(::getpid()) + "-" + std::to_string(++count) + ".sock";
}

std::size_t content_length(const std::string& head)
{
    const std::size_t at = head.find("Content-Length: ");
    return at == std::string::npos ? 0 : std::strtoul(head.c_str() + at + 16, nullptr, 10);
}

bool complete(const std::string& request)
{
    const std::size_t end = request.find("\r\n\r\n");
    return end != std::string::npos && request.size() >= end + 4 + content_length(request);
}

} // namespace

FakeDaemon::FakeDaemon(Answer answer) : answer_{std::move(answer)}, path_{fresh_path()}
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
    ::unlink(path_.c_str());
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto* const plain = static_cast<const void*>(&address);
    const bool ready =
        ::bind(listener_, static_cast<const sockaddr*>(plain), sizeof(address)) == 0 &&
        ::listen(listener_, 16) == 0 && ::pipe(stop_) == 0;
    if (!ready)
        std::abort();
    thread_ = std::thread{[this] { serve(); }};
}

FakeDaemon::~FakeDaemon()
{
    ::close(stop_[1]);
    thread_.join();
    ::close(stop_[0]);
    ::close(listener_);
    ::unlink(path_.c_str());
}

std::vector<std::string> FakeDaemon::requests() const
{
    const std::lock_guard lock{mutex_};
    return requests_;
}

void FakeDaemon::serve()
{
    for (;;) {
        std::array<pollfd, 2> waiting{{{listener_, POLLIN, 0}, {stop_[0], POLLIN, 0}}};
        ::poll(waiting.data(), waiting.size(), -1);
        if (waiting[1].revents != 0)
            return;
        const int connection = ::accept(listener_, nullptr, nullptr);
        if (connection < 0)
            continue;
        answer_one(connection);
        ::close(connection);
    }
}

void FakeDaemon::answer_one(int connection)
{
    std::string request;
    std::array<char, 4096> piece{};
    while (!complete(request)) {
        const auto n = ::read(connection, piece.data(), piece.size());
        if (n <= 0)
            return;
        request.append(piece.data(), static_cast<std::size_t>(n));
    }
    {
        const std::lock_guard lock{mutex_};
        requests_.push_back(request);
    }
    const std::string answer = answer_(request);
    if (answer == kSilence) {
        std::array<pollfd, 2> waiting{{{connection, POLLIN, 0}, {stop_[0], POLLIN, 0}}};
        ::poll(waiting.data(), waiting.size(), -1); // until the client gives up
        return;
    }
    (void)::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
}

std::string http_answer(unsigned status, const std::string& body)
{
    return "HTTP/1.1 " + std::to_string(status) + " Word\r\nContent-Type: application/json\r\n" +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

} // namespace zocalo::cli
