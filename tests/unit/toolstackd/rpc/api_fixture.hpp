// SPDX-License-Identifier: Apache-2.0
// A real ApiServer on a socket in a temporary folder, served by a thread of its own, over a fake
// domain layer; and a client that sends whatever bytes a test wants.
#pragma once

#include "tests/unit/toolstackd/rpc/fake_toolstack.hpp"
#include "toolstackd/rpc/server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

#include <thread>

namespace zocalo::toolstack::test {

struct HttpAnswer {
    unsigned status{}; // 0: the server closed the connection without a word
    std::string head, body;

    boost::json::value json() const;
};

class RawClient {
  public:
    explicit RawClient(const std::string& path);
    void send(std::string_view bytes);
    void half_close();
    // Reads one answer (by its Content-Length) or up to the end of the connection.
    HttpAnswer receive();
    // Whether the server has closed the connection; waits until it does or sends something.
    bool closed();

  private:
    UniqueFd fd_;
    std::string buffer_;
};

class ApiTest : public testing::Test {
  protected:
    ApiTest();
    ~ApiTest() override;

    // Called by tests that need other limits, before the first connection.
    void restart(ServerLimits limits);
    void stop();
    HttpAnswer
    ask(std::string_view method,
        std::string_view target,
        std::string_view body = {},
        std::string_view headers = {});
    // Runs `action` on the server's thread.
    void on_server(std::function<void()> action);

    boost::asio::io_context context_;
    FakeToolstack toolstack_;
    FakeConsoles consoles_{context_.get_executor()};
    Metrics metrics_;
    std::atomic<Access> access_{Access::admin};
    std::string folder_, path_;

  private:
    void start(ServerLimits limits);

    std::unique_ptr<ApiServer> server_;
    std::thread thread_;
};

} // namespace zocalo::toolstack::test
