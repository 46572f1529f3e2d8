// SPDX-License-Identifier: Apache-2.0
// Every route of docs/api.md, over a real socket.
#include "tests/unit/toolstackd/rpc/api_fixture.hpp"

#include <boost/json/serialize.hpp>

namespace zocalo::toolstack::test {
namespace {

struct ChangeRow {
    const char *method, *target, *body, *verb, *ref, *args;
};

class Changes : public ApiTest, public testing::WithParamInterface<ChangeRow> {};

TEST_P(Changes, ReachTheDomainLayerAsTheirVerb)
{
    const ChangeRow& row = GetParam();
    const auto answer = ask(row.method, row.target, row.body, "Idempotency-Key: key-1\r\n");
    ASSERT_EQ(answer.status, 202u) << answer.body;
    EXPECT_EQ(answer.json().at("verb").as_string(), row.verb);
    ASSERT_EQ(toolstack_.requests.size(), 1u);
    const Request& request = toolstack_.requests[0];
    EXPECT_EQ(request.verb, row.verb);
    EXPECT_EQ(request.ref, row.ref);
    EXPECT_EQ(boost::json::serialize(request.args), row.args);
    EXPECT_EQ(request.idempotency_key, "key-1");
    EXPECT_EQ(request.uid, 1000u);
}

INSTANTIATE_TEST_SUITE_P(
    Api,
    Changes,
    testing::Values(
        ChangeRow{
            "POST",
            "/v1/domains",
            R"({"config":{"name":"a"}})",
            "create",
            "",
            R"({"config":{"name":"a"}})"},
        ChangeRow{
            "PUT",
            "/v1/domains/web",
            R"({"config":{"name":"a"}})",
            "apply",
            "web",
            R"({"config":{"name":"a"}})"},
        ChangeRow{"DELETE", "/v1/domains/web", "", "undefine", "web", "{}"},
        ChangeRow{
            "POST",
            "/v1/domains/7/start",
            R"({"paused":true})",
            "start",
            "7",
            R"({"paused":true})"},
        ChangeRow{
            "POST",
            "/v1/domains/a%20b/shutdown",
            R"({"timeout_s":5})",
            "shutdown",
            "a b",
            R"({"timeout_s":5})"},
        ChangeRow{"POST", "/v1/domains/web/reboot", "", "reboot", "web", "{}"},
        ChangeRow{"POST", "/v1/domains/web/destroy", "{}", "destroy", "web", "{}"},
        ChangeRow{"POST", "/v1/domains/web/pause", "", "pause", "web", "{}"},
        ChangeRow{"POST", "/v1/domains/web/unpause", "", "unpause", "web", "{}"},
        ChangeRow{
            "POST",
            "/v1/domains/web/rename",
            R"({"name":"new"})",
            "rename",
            "web",
            R"({"name":"new"})"},
        ChangeRow{
            "POST",
            "/v1/domains/web/memory",
            R"({"target_mib":256})",
            "memory",
            "web",
            R"({"target_mib":256})"},
        ChangeRow{
            "POST", "/v1/domains/web/vcpus", R"({"count":2})", "vcpus", "web", R"({"count":2})"},
        ChangeRow{
            "POST",
            "/v1/domains/web/affinity",
            R"({"vcpu":null,"hard":"0-1"})",
            "affinity",
            "web",
            R"({"vcpu":null,"hard":"0-1"})"},
        ChangeRow{
            "POST",
            "/v1/domains/web/scheduler",
            R"({"weight":512})",
            "scheduler",
            "web",
            R"({"weight":512})"},
        ChangeRow{
            "POST",
            "/v1/domains/web/disks",
            R"({"target":"/x","vdev":"xvdb"})",
            "block-attach",
            "web",
            R"({"target":"/x","vdev":"xvdb"})"},
        ChangeRow{
            "DELETE",
            "/v1/domains/web/disks/xvdb?force=1",
            "",
            "block-detach",
            "web",
            R"({"device":"xvdb","force":true})"},
        ChangeRow{
            "POST",
            "/v1/domains/web/disks/xvdb/limits",
            R"({"bytes_per_second":1000})",
            "block-limit",
            "web",
            R"({"device":"xvdb","limits":{"bytes_per_second":1000}})"},
        ChangeRow{
            "POST",
            "/v1/domains/web/disks/xvdb/measure",
            "",
            "block-measure",
            "web",
            R"({"device":"xvdb"})"},
        ChangeRow{
            "POST",
            "/v1/domains/web/disks/xvdd/medium",
            R"({"target":"/x.iso"})",
            "block-medium",
            "web",
            R"({"device":"xvdd","target":"/x.iso"})"},
        ChangeRow{
            "POST",
            "/v1/domains/web/nics",
            R"({"bridge":"br0"})",
            "network-attach",
            "web",
            R"({"bridge":"br0"})"},
        ChangeRow{
            "DELETE",
            "/v1/domains/web/nics/00:16:3e:00:00:01",
            "",
            "network-detach",
            "web",
            R"({"device":"00:16:3e:00:00:01","force":false})"},
        ChangeRow{
            "POST",
            "/v1/domains/web/autostart",
            R"({"enabled":true})",
            "autostart",
            "web",
            R"({"enabled":true})"},
        ChangeRow{
            "POST",
            "/v1/domains/web/adopt",
            R"({"config":null})",
            "adopt",
            "web",
            R"({"config":null})"},
        ChangeRow{"POST", "/v1/doctor/repair", "{}", "repair", "", "{}"}
    ),
    [](const auto& row) {
        std::string name = row.param.verb;
        std::erase(name, '-');
        return name;
    }
);

class Api : public ApiTest {};

TEST_F(Api, EveryReadAnswers)
{
    for (const char* target :
         {"/v1/version",
          "/v1/host",
          "/v1/host/dmesg",
          "/v1/domains",
          "/v1/domains/web",
          "/v1/domains/web/console/log",
          "/v1/ops",
          "/v1/ops/42",
          "/v1/events",
          "/v1/doctor",
          "/v1/openapi.json",
          "/metrics"})
        EXPECT_EQ(ask("GET", target).status, 200u) << target;
}

TEST_F(Api, ADomainListIsAnArrayOfViews)
{
    const auto list = ask("GET", "/v1/domains").json();
    EXPECT_EQ(list.as_array().at(0).at("name").as_string(), "web");
    EXPECT_EQ(list.as_array().at(0).at("state").as_string(), "running");
}

TEST_F(Api, AnErrorSaysWhatAndWhatNext)
{
    const auto answer = ask("GET", "/v1/domains/nobody");
    EXPECT_EQ(answer.status, 404u);
    const auto error = answer.json().at("error");
    EXPECT_EQ(error.at("code").as_string(), "not_found");
    EXPECT_EQ(error.at("what").as_string(), "there is no domain 'nobody'");
    EXPECT_EQ(error.at("next").as_string(), "try `zl list`");
}

TEST_F(Api, WaitAnswersTheEndedOperation)
{
    const auto answer = ask("POST", "/v1/domains/web/pause?wait=600", "{}");
    EXPECT_EQ(answer.status, 200u);
    EXPECT_EQ(answer.json().at("state").as_string(), "done");
    EXPECT_EQ(ask("GET", "/v1/ops/42?wait=1").json().at("state").as_string(), "done");
}

TEST_F(Api, AWaitThatRunsOutAnswersTheOperationAsItIs)
{
    toolstack_.finish_on_wait = false;
    const auto answer = ask("POST", "/v1/domains/web/pause?wait=0", "{}");
    EXPECT_EQ(answer.status, 202u);
    EXPECT_EQ(answer.json().at("state").as_string(), "accepted");
    EXPECT_EQ(ask("POST", "/v1/domains/web/pause?wait=601", "{}").status, 400u);
}

TEST_F(Api, CheckChangesNothing)
{
    const auto answer = ask("POST", "/v1/domains/check", R"({"config":{"name":"a"}})");
    EXPECT_EQ(answer.status, 200u);
    EXPECT_EQ(answer.json().at("config").at("name").as_string(), "a");
    EXPECT_EQ(answer.json().at("steps").as_array().size(), 2u);
    EXPECT_TRUE(toolstack_.requests.empty());
}

TEST_F(Api, BodiesAreReadStrictlyBeforeAnythingHappens)
{
    for (const char* body :
         {"[]", "{", R"({"nonsense":1})", R"({"config":{"vcpus":-1}})", R"({"config":7})"}) {
        const auto answer = ask("POST", "/v1/domains", body);
        EXPECT_EQ(answer.status, 400u) << body;
        EXPECT_EQ(answer.json().at("error").at("code").as_string(), "usage") << body;
    }
    std::string deep(40, '[');
    EXPECT_EQ(ask("POST", "/v1/domains", deep + std::string(40, ']')).status, 400u);
    EXPECT_TRUE(toolstack_.requests.empty());
}

TEST_F(Api, EventsArePagedAndTooOldOnesAreGone)
{
    on_server([this] {
        for (const std::uint64_t seq : {5U, 6U, 7U}) {
            rpc::EventView event;
            event.seq = seq;
            event.kind = "domain.running";
            toolstack_.log.push_back(event);
        }
        toolstack_.oldest = 4;
    });
    const auto page = ask("GET", "/v1/events?since=4&limit=2").json();
    EXPECT_EQ(page.at("events").as_array().size(), 2u);
    EXPECT_EQ(page.at("next").to_number<std::uint64_t>(), 6u);
    const auto lost = ask("GET", "/v1/events?since=3");
    EXPECT_EQ(lost.status, 410u);
    EXPECT_EQ(lost.json().at("error").at("code"), "gone");
    EXPECT_EQ(lost.json().at("next").to_number<std::uint64_t>(), 7u); // where to go on
    const auto nothing = ask("GET", "/v1/events?since=7&wait=1").json();
    EXPECT_TRUE(nothing.at("events").as_array().empty());
    EXPECT_EQ(nothing.at("next").to_number<std::uint64_t>(), 7u);
}

TEST_F(Api, OpsAreNumbersAndCanBeCancelled)
{
    EXPECT_EQ(ask("DELETE", "/v1/ops/9").json().at("id").to_number<int>(), 9);
    EXPECT_EQ(ask("GET", "/v1/ops/nine").status, 400u);
}

TEST_F(Api, TheConsoleLogIsPlainTextFromItsEnd)
{
    const auto answer = ask("GET", "/v1/domains/web/console/log?bytes=3");
    EXPECT_EQ(answer.body, "log");
    EXPECT_NE(answer.head.find("text/plain"), std::string::npos);
}

TEST_F(Api, UnknownPathsAndMethodsAreToldApart)
{
    EXPECT_EQ(ask("GET", "/v2/domains").status, 404u);
    EXPECT_EQ(ask("GET", "/").status, 400u + 4u);
    const auto wrong = ask("POST", "/v1/domains/web", "{}");
    EXPECT_EQ(wrong.status, 405u);
    EXPECT_NE(wrong.body.find("GET, PUT, DELETE"), std::string::npos);
    EXPECT_EQ(ask("PATCH", "/v1/domains/web", "{}").status, 405u);
    EXPECT_EQ(ask("GET", "/v1/domains/web/console").status, 426u);
}

TEST_F(Api, MetricsCountDomainsOperationsAndRequests)
{
    ask("GET", "/v1/version");
    const std::string text = ask("GET", "/metrics").body;
    const std::string uuid = rpc::text(the_uuid());
    for (const std::string& line : std::initializer_list<std::string>{
             "zocalo_up 1\n",
             "zocalo_domains{state=\"running\"} 1\n",
             "zocalo_ops{verb=\"create\",state=\"done\"} 1\n",
             "zocalo_op_duration_seconds_sum{verb=\"create\"} 0.25\n",
             "zocalo_api_requests_total{method=\"GET\",route=\"/v1/version\",status=\"200\"} 1\n",
             "zocalo_disk_read_bytes_total{name=\"web\",uuid=\"" + uuid +
                 "\",device=\"xvda\"} 4096\n",
             "zocalo_disk_in_flight{name=\"web\",uuid=\"" + uuid + "\",device=\"xvda\"} 3\n",
             "device=\"xvda\",stage=\"medium\",le=\"0.000016\"} 5\n",
             "device=\"xvda\",stage=\"medium\",le=\"+Inf\"} 5\n",
             "zocalo_api_connections 1\n"})
        EXPECT_NE(text.find(line), std::string::npos) << line << "in\n" << text;
}

TEST_F(Api, AHandlerThatThrowsIsA500AndTheServerLives)
{
    toolstack_.throws = true;
    EXPECT_EQ(ask("GET", "/v1/domains").status, 500u);
    EXPECT_EQ(ask("GET", "/v1/version").status, 200u);
}

} // namespace
} // namespace zocalo::toolstack::test
