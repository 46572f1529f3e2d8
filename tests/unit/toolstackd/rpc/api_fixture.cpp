// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/rpc/api_fixture.hpp"

#include "toolstackd/sys/log.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>

#include <cstring>
#include <filesystem>
#include <future>
#include <sys/socket.h>
#include <sys/un.h>

namespace zocalo::toolstack::test {

boost::json::value HttpAnswer::json() const
{
    return boost::json::parse(body);
}

RawClient::RawClient(const std::string& path) : fd_{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)}
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    if (connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        throw std::runtime_error("cannot connect to the server under test");
}

void RawClient::send(std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0)
            return; // the server closed: what it answered is what counts
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

void RawClient::half_close()
{
    shutdown(fd_.get(), SHUT_WR);
}

HttpAnswer RawClient::receive()
{
    HttpAnswer answer;
    char chunk[4096];
    std::size_t head_end = std::string::npos, total = 0;
    for (;;) {
        if (head_end == std::string::npos) {
            head_end = buffer_.find("\r\n\r\n");
            const auto length = buffer_.find("Content-Length: ");
            if (head_end != std::string::npos)
                total = head_end + 4;
            if (head_end != std::string::npos && length < head_end)
                total += std::stoul(buffer_.substr(length + 16));
        }
        if (head_end != std::string::npos && buffer_.size() >= total)
            break;
        const ssize_t got = recv(fd_.get(), chunk, sizeof chunk, 0);
        if (got <= 0)
            return answer;
        buffer_.append(chunk, static_cast<std::size_t>(got));
    }
    answer.status = static_cast<unsigned>(std::stoul(buffer_.substr(9, 3)));
    answer.head = buffer_.substr(0, head_end);
    answer.body = buffer_.substr(head_end + 4, total - head_end - 4);
    buffer_.erase(0, total);
    return answer;
}

bool RawClient::closed()
{
    char byte;
    return recv(fd_.get(), &byte, 1, 0) <= 0;
}

ApiTest::ApiTest()
{
    set_log_sink([](LogLevel, std::string_view) {});
    char name[] = "/tmp/zocalo-api-XXXXXX";
    folder_ = mkdtemp(name);
    path_ = folder_ + "/socket";
    start({});
}

ApiTest::~ApiTest()
{
    stop();
    std::filesystem::remove_all(folder_);
    set_log_sink({});
}

void ApiTest::start(ServerLimits limits)
{
    auto listener = listen_unix(path_, 0600, std::nullopt);
    EXPECT_TRUE(listener) << listener.error().what;
    Services services{toolstack_, consoles_, metrics_, "1.2.3"};
    Identify identify = [this](int) -> Outcome<Peer> { return Peer{1000, 77, access_}; };
    server_ = std::make_unique<ApiServer>(
        context_.get_executor(), services, std::move(*listener), identify, limits
    );
    server_->start();
    context_.restart();
    thread_ = std::thread([this] { context_.run(); });
}

void ApiTest::stop()
{
    if (!server_)
        return;
    std::promise<void> stopped;
    boost::asio::co_spawn(
        context_,
        server_->stop(std::chrono::milliseconds{500}),
        [&](const std::exception_ptr&) { stopped.set_value(); }
    );
    stopped.get_future().wait();
    thread_.join();
    server_.reset();
}

void ApiTest::restart(ServerLimits limits)
{
    stop();
    start(limits);
}

void ApiTest::on_server(std::function<void()> action)
{
    std::promise<void> done;
    boost::asio::post(context_, [&] {
        action();
        done.set_value();
    });
    done.get_future().wait();
}

HttpAnswer ApiTest::ask(
    std::string_view method,
    std::string_view target,
    std::string_view body,
    std::string_view headers
)
{
    RawClient client{path_};
    std::string text{method};
    text += " " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(headers);
    if (!body.empty())
        text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    client.send(text + "\r\n" + std::string(body));
    return client.receive();
}

} // namespace zocalo::toolstack::test
