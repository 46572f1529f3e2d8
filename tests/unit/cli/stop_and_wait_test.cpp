// SPDX-License-Identifier: Apache-2.0
// The verbs that wait for a guest: shutdown, reboot, and wait itself.
#include "tests/unit/cli/fake_daemon.hpp"
#include "tests/unit/cli/run_zl.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace zocalo::cli {
namespace {

constexpr const char* kUuid = "01234567-89ab-cdef-0123-456789abcdef";

std::string domain_in(rpc::DomainState state, rpc::Ownership whose = rpc::Ownership::managed)
{
    rpc::DomainDetail detail;
    detail.domain.uuid = kUuid;
    detail.domain.name = "web";
    detail.domain.domid = 7;
    detail.domain.state = state;
    detail.domain.ownership = whose;
    return http_answer(200, json_of(detail));
}

std::string op(std::uint64_t id, const char* state, const char* error = "")
{
    auto object = rpc::to_json(rpc::OpView{.id = id, .verb = "shutdown"}).as_object();
    object["state"] = state;
    object["error_code"] = *error != 0 ? "timeout" : "";
    object["error"] = error;
    return http_answer(202, boost::json::serialize(object));
}

std::string events(std::uint64_t next, const char* uuid = nullptr)
{
    boost::json::array list;
    if (uuid != nullptr)
        list.push_back(rpc::to_json(rpc::EventView{.seq = next, .uuid = uuid, .kind = "x"}));
    const boost::json::object page{{"events", list}, {"next", next}};
    return http_answer(200, boost::json::serialize(page));
}

std::string events_lost(std::uint64_t next)
{
    return http_answer(
        410, R"({"error": {"code": "gone", "what": "lost"}, "next": )" + std::to_string(next) + "}"
    );
}

// Answers looks with `looks` in turn, the last one for good, and pages of events likewise.
struct Script {
    std::vector<std::string> pages, looks;

    std::string operator()(const std::string& request)
    {
        auto& from = request.starts_with("GET /v1/events") ? pages : looks;
        std::string answer = from.front();
        if (from.size() > 1)
            from.erase(from.begin());
        return answer;
    }
};

std::size_t count(const std::vector<std::string>& requests, std::string_view beginning)
{
    std::size_t n = 0;
    for (const std::string& request : requests)
        n += request.starts_with(beginning) ? 1 : 0;
    return n;
}

TEST(Wait, LooksOnlyWhenAnEventIsAboutTheDomain)
{
    using enum rpc::DomainState;
    FakeDaemon daemon{Script{
        {events_lost(40), events(41, "another"), events(42), events(43, kUuid)},
        {domain_in(running), domain_in(stopped)}}};
    EXPECT_EQ(run({"zl", "wait", "web"}, daemon.socket_path()).status, 0);
    const auto requests = daemon.requests();
    EXPECT_EQ(count(requests, "GET /v1/domains/"), 2U);
    // Where the events stand is asked before the domain, so that nothing between is missed.
    EXPECT_TRUE(requests.at(0).starts_with("GET /v1/events?since=18446744073709551615&"));
    EXPECT_TRUE(requests.at(1).starts_with("GET /v1/domains/web "));
    EXPECT_TRUE(requests.at(2).starts_with("GET /v1/events?since=40&")) << requests.at(2);
    EXPECT_TRUE(requests.at(3).starts_with("GET /v1/events?since=41&")) << requests.at(3);
    // Another domain may have taken the name meanwhile.
    EXPECT_TRUE(requests.back().starts_with("GET /v1/domains/0123")) << requests.back();
}

TEST(Wait, LooksAgainWhenEventsWereLost)
{
    using enum rpc::DomainState;
    FakeDaemon daemon{
        Script{{events_lost(40), events_lost(9000)}, {domain_in(running), domain_in(stopped)}}};
    EXPECT_EQ(run({"zl", "wait", "web"}, daemon.socket_path()).status, 0);
    EXPECT_EQ(count(daemon.requests(), "GET /v1/events"), 2U);
}

TEST(Wait, SaysHowFarItCameWhenTheTimeIsOver)
{
    FakeDaemon daemon{
        Script{{events_lost(40), events(40)}, {domain_in(rpc::DomainState::running)}}};
    const Ended ended =
        run({"zl", "wait", "web", "--for", "paused", "--timeout", "0"}, daemon.socket_path());
    EXPECT_EQ(ended.status, 6);
    EXPECT_NE(ended.err.find("web is running, not paused, after 0 s"), std::string::npos);
    EXPECT_EQ(run({"zl", "wait", "web", "--for", "asleep"}, daemon.socket_path()).status, 2);
}

TEST(Wait, ADomainThatIsNotThereIsGone)
{
    const std::string nowhere =
        http_answer(404, R"({"error": {"code": "not_found", "what": "no such domain"}})");
    FakeDaemon daemon{Script{{events_lost(40)}, {nowhere}}};
    EXPECT_EQ(run({"zl", "wait", "web", "--for", "gone"}, daemon.socket_path()).status, 0);
    EXPECT_EQ(run({"zl", "wait", "web"}, daemon.socket_path()).status, 3);
}

TEST(Stop, TheTimeoutIsTheGuestsAndTheDaemonSaysWhatWasNotDone)
{
    FakeDaemon daemon{[](const std::string& request) {
        return request.starts_with("POST") ? op(5, "running")
                                           : op(5, "failed", "the guest has not shut down");
    }};
    const Ended ended =
        run({"zl", "shutdown", "-w", "web", "--timeout", "3"}, daemon.socket_path());
    EXPECT_EQ(ended.status, 6);
    EXPECT_EQ(ended.err, "zl: shutdown: the guest has not shut down\n");
    EXPECT_NE(daemon.requests().at(0).find(R"({"timeout_s":3})"), std::string::npos);
    run({"zl", "reboot", "web"}, daemon.socket_path());
    const std::string last = daemon.requests().back();
    EXPECT_TRUE(last.starts_with("POST /v1/domains/web/reboot HTTP")) << last; // not awaited
    EXPECT_NE(last.find(R"({"timeout_s":60})"), std::string::npos);
}

TEST(Stop, AllGuestsAreAskedBeforeAnyIsWaitedForAndTheUnwillingAreNamed)
{
    FakeDaemon daemon{[](const std::string& request) {
        if (request.starts_with("GET /v1/domains ")) {
            std::vector<rpc::DomainView> list(3);
            for (int i = 0; i < 3; ++i) {
                list[static_cast<std::size_t>(i)].domid = i;
                list[static_cast<std::size_t>(i)].uuid = "u" + std::to_string(i);
                list[static_cast<std::size_t>(i)].name = "guest" + std::to_string(i);
            }
            return http_answer(200, json_of(list));
        }
        const bool second = request.find("/u2/") != std::string::npos ||
                            request.find("/ops/2") != std::string::npos;
        if (request.starts_with("POST"))
            return op(second ? 2 : 1, "running");
        return second ? op(2, "failed", "it has not shut down") : op(1, "done");
    }};
    const Ended ended = run({"zl", "shutdown", "-a", "-w"}, daemon.socket_path());
    EXPECT_EQ(ended.status, 6);
    EXPECT_NE(ended.err.find("shutdown: 1 of 2 guests not done: guest2: "), std::string::npos);
    const auto requests = daemon.requests();
    EXPECT_EQ(count({requests.begin(), requests.begin() + 3}, "POST /v1/domains/u"), 2U);
    EXPECT_EQ(run({"zl", "shutdown", "-a", "web"}, daemon.socket_path()).status, 2);
}

} // namespace
} // namespace zocalo::cli
