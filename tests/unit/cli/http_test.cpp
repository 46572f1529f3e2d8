// SPDX-License-Identifier: Apache-2.0
#include "cli/client/http.hpp"
#include "tests/unit/cli/fake_daemon.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace zocalo::cli {
namespace {

using std::chrono::milliseconds;

Result<HttpReply, ExchangeError>
ask(const std::string& answer, milliseconds limit = milliseconds{5000})
{
    FakeDaemon daemon{[&](const std::string&) { return answer; }};
    return exchange(daemon.socket_path(), {.target = "/v1/version"}, limit);
}

TEST(Exchange, BringsStatusAndBody)
{
    const auto reply = ask(http_answer(200, "{}"));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 200U);
    EXPECT_EQ(reply->body, "{}");
}

TEST(Exchange, ReadsABodyThatEndsWithTheConnection)
{
    const auto reply = ask("HTTP/1.1 200 OK\r\n\r\nall there is");
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->body, "all there is");
}

TEST(Exchange, AnAnswerCutOffIsUnreachable)
{
    for (const char* answer :
         {"",
          "HTTP/1.1 200 OK\r\nContent-Le",
          "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"}) {
        const auto reply = ask(answer);
        ASSERT_FALSE(reply) << answer;
        EXPECT_EQ(reply.error().error.code, Code::unreachable) << answer;
        EXPECT_EQ(reply.error().stage, ExchangeStage::talking);
    }
}

TEST(Exchange, GarbageIsAnErrorThatSaysSo)
{
    const auto reply = ask("SSH-2.0-OpenSSH\r\n\r\n");
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().error.code, Code::failed);
    EXPECT_NE(reply.error().error.what.find("not a valid one"), std::string::npos);
}

TEST(Exchange, AHeadWithoutAnEndIsAnError)
{
    EXPECT_FALSE(ask("HTTP/1.1 200 OK\r\nX: " + std::string(100000, 'x')));
}

TEST(Exchange, ABodyAboveTheLimitIsAnError)
{
    EXPECT_FALSE(ask("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"));
}

TEST(Exchange, SilenceEndsAtTheLimit)
{
    const auto reply = ask(FakeDaemon::kSilence, milliseconds{50});
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().error.code, Code::timeout);
}

TEST(Exchange, ASocketThatIsNotThereIsToldFromOneThatIsForbidden)
{
    const auto gone = exchange("/nonexistent", {}, milliseconds{1000});
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().stage, ExchangeStage::connecting);
    EXPECT_EQ(gone.error().error.code, Code::unreachable);
    EXPECT_EQ(unreachable("/s", EACCES).code, Code::denied);
    EXPECT_NE(unreachable("/s", EACCES).next.find("zocalo-admin"), std::string::npos);
    EXPECT_FALSE(exchange(std::string(200, 'x'), {}, milliseconds{1000}));
}

} // namespace
} // namespace zocalo::cli
