// SPDX-License-Identifier: Apache-2.0
// zl as a whole against a fake daemon: what it sends, prints and ends with.
#include "tests/unit/cli/fake_daemon.hpp"
#include "tests/unit/cli/run_zl.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace zocalo::cli {
namespace {

rpc::DomainDetail web()
{
    rpc::DomainDetail detail;
    detail.domain.uuid = "01234567-89ab-cdef-0123-456789abcdef";
    detail.domain.name = "web";
    detail.domain.domid = 7;
    detail.domain.state = rpc::DomainState::running;
    detail.domain.flag_blocked = true;
    detail.domain.memory_kib = 262144;
    detail.domain.vcpus_online = 2;
    detail.domain.cpu_time_ns = 12'340'000'000;
    detail.domain.uptime_s = 93784;
    detail.vcpus = {
        {.id = 0, .cpu = 1, .online = true, .blocked = true, .cpu_time_ns = 5'000'000'000},
        {.id = 1, .online = false, .hard_affinity = "0-3"}};
    detail.disks = {{
        .devid = 51712,
        .vdev = "xvda",
        .target = "/a",
        .format = "raw",
        .frontend_state = "connected",
        .backend_path = "/local/domain/0/backend/vbd/7/51712",
        .event_channel = 12,
        .ring_ref = 8,
    }};
    detail.nics = {{
        .devid = 0,
        .mac = "00:16:3e:00:00:01",
        .bridge = "xenbr0",
        .frontend_state = "connected",
        .backend_path = "/local/domain/0/backend/vif/7/0",
        .tx_event_channel = 13,
        .rx_event_channel = 13,
        .tx_ring_ref = 9,
        .rx_ring_ref = 10,
    }};
    rpc::NicView split = detail.nics.front(); // its frontend took a channel for each direction
    split.devid = 1;
    split.backend_path = "/local/domain/0/backend/vif/7/1";
    split.rx_event_channel = 14;
    detail.nics.push_back(split);
    detail.weight = 256;
    detail.cap = 0;
    return detail;
}

std::string op_answer(const char* state, const char* code = "", const char* error = "")
{
    rpc::OpView op{.id = 5, .verb = "pause", .uuid = "u", .name = "web"};
    auto object = rpc::to_json(op).as_object();
    object["state"] = state;
    object["error_code"] = code;
    object["error"] = error;
    return http_answer(202, boost::json::serialize(object));
}

std::string answer_views(const std::string& request)
{
    if (request.starts_with("GET /v1/domains HTTP"))
        return http_answer(200, json_of(std::vector<rpc::DomainView>{web().domain}));
    if (request.starts_with("GET /v1/domains/web") || request.starts_with("GET /v1/domains/0123"))
        return http_answer(200, json_of(web()));
    return http_answer(
        404, R"({"error": {"code": "not_found", "what": "no such domain", "next": "zl list"}})"
    );
}

TEST(Program, PrintsXlsTablesByteForByteWhenCalledXl)
{
    FakeDaemon daemon{answer_views};
    const auto& s = daemon.socket_path();
    EXPECT_EQ(
        run({"/usr/sbin/xl", "list"}, s).out,
        "Name                                        ID   Mem VCPUs\tState\tTime(s)\n"
        "web                                          7   256     2     -b----      12.3\n"
    );
    EXPECT_EQ(
        run({"xl", "vcpu-list", "web"}, s).out,
        "Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / "
        "Soft)\n"
        "web                                  7     0    1   -b-       5.0  all / all\n"
        "web                                  7     1    -   --p       0.0  0-3 / all\n"
    );
    EXPECT_EQ(
        run({"xl", "block-list", "web"}, s).out,
        "Vdev  BE  handle state evt-ch ring-ref BE-path                       \n"
        "51712 0   7      4     12     8        /local/domain/0/backend/vbd/7/51712\n"
    );
    EXPECT_EQ(
        run({"xl", "network-list", "web"}, s).out,
        "Idx BE Mac Addr.         handle state evt-ch   tx-/rx-ring-ref BE-path                    "
        "   \n"
        "0   0  00:16:3e:00:00:01     0     4     13     9/10          "
        "/local/domain/0/backend/vif/7/0\n"
        "1   0  00:16:3e:00:00:01     1     4     -1     9/10          "
        "/local/domain/0/backend/vif/7/1\n"
    );
    EXPECT_EQ(
        run({"xl", "sched-credit2", "-d", "web"}, s).out,
        "Name                                ID Weight  Cap\n"
        "web                                  7    256    0\n"
    );
    EXPECT_EQ(
        run({"xl", "uptime"}, s).out,
        "Name                                ID Uptime\n"
        "web                                  7 1 day,  2:03:04\n"
    );
}

TEST(Program, OnlyXlTakesDomain0ForAGuest)
{
    FakeDaemon daemon{[](const std::string&) {
        rpc::DomainView dom0;
        dom0.uuid = "00000000-0000-0000-0000-000000000000";
        dom0.name = "Domain-0";
        dom0.domid = 0;
        return http_answer(200, json_of(std::vector{dom0, web().domain}));
    }};
    const auto& s = daemon.socket_path();
    EXPECT_EQ(
        run({"xl", "vm-list"}, s).out,
        "UUID                                  ID    name\n"
        "00000000-0000-0000-0000-000000000000  0    Domain-0                      \n"
        "01234567-89ab-cdef-0123-456789abcdef  7    web                           \n"
    );
    EXPECT_EQ(run({"zl", "vm-list", "-o", "csv", "-c", "name"}, s).out, "name\nweb\n");
}

TEST(Program, ListsInEveryFormat)
{
    FakeDaemon daemon{answer_views};
    const auto& s = daemon.socket_path();
    EXPECT_EQ(
        run({"zl", "list"}, s).out,
        "NAME  ID  MEM  VCPUS  STATE    TIME\n"
        "web    7  256      2  running  12.3\n"
    );
    EXPECT_EQ(run({"zl", "list", "-o", "csv", "-c", "name,domid"}, s).out, "name,domid\nweb,7\n");
    EXPECT_EQ(run({"zl", "list", "-o", "csv,noheader", "-c", "name"}, s).out, "web\n");
    EXPECT_EQ(
        run({"zl", "list", "-o", "jsonl", "-c", "name,domid,autostart"}, s).out,
        "{\"name\":\"web\",\"domid\":7,\"autostart\":false}\n"
    );
    EXPECT_EQ(
        run({"zl", "list", "-o", "yaml", "-c", "name,domid,uuid"}, s).out,
        "- name: web\n  domid: 7\n  uuid: \"01234567-89ab-cdef-0123-456789abcdef\"\n"
    );
    EXPECT_EQ(
        run({"zl", "list", "web", "-o", "json", "-c", "name"}, s).out, "{\n  \"name\": \"web\"\n}\n"
    );
    EXPECT_EQ(
        run({"zl", "list", "web", "--json", "-c", "name"}, s).out, "{\n  \"name\": \"web\"\n}\n"
    );
    EXPECT_EQ(run({"zl", "list", "--json", "-o", "csv"}, s).status, 2);
    const Ended wrong = run({"zl", "list", "-c", "colour"}, s);
    EXPECT_EQ(wrong.status, 2);
    EXPECT_NE(wrong.err.find("there is no column colour"), std::string::npos);
}

TEST(Program, EventsSoFarAreFetchedPageByPage)
{
    std::vector<std::string> asked;
    FakeDaemon daemon{[&](const std::string& request) {
        asked.push_back(request.substr(0, request.find(" HTTP")));
        const std::uint64_t first = asked.size() == 1 ? 1 : 1001;
        boost::json::array events;
        for (std::uint64_t seq = first; seq <= (asked.size() == 1 ? 1000U : 1002U); ++seq)
            events.push_back(rpc::to_json(rpc::EventView{.seq = seq, .kind = "x", .body = {}}));
        const std::uint64_t next = first + events.size() - 1;
        return http_answer(
            200, boost::json::serialize(boost::json::object{{"events", events}, {"next", next}})
        );
    }};
    const Ended all =
        run({"zl", "events", "--no-follow", "-o", "csv,noheader", "-c", "seq"},
            daemon.socket_path());
    EXPECT_EQ(std::ranges::count(all.out, '\n'), 1002) << all.err;
    ASSERT_EQ(asked.size(), 2U);
    EXPECT_NE(asked[1].find("since=1000"), std::string::npos) << asked[1];
    asked.clear();
    run({"zl", "events", "--no-follow", "--limit", "3"}, daemon.socket_path());
    ASSERT_FALSE(asked.empty());
    EXPECT_NE(asked[0].find("limit=3"), std::string::npos) << asked[0];
}

TEST(Program, ErrorsOfTheDaemonDecideTheExitStatus)
{
    FakeDaemon daemon{answer_views};
    const Ended missing = run({"zl", "domid", "db"}, daemon.socket_path());
    EXPECT_EQ(missing.status, 3);
    EXPECT_EQ(missing.err, "zl: no such domain (zl list)\n");
    EXPECT_EQ(run({"xl", "domid", "db"}, daemon.socket_path()).status, 1);
    EXPECT_EQ(run({"zl", "domid", "web"}, daemon.socket_path()).out, "7\n");
}

TEST(Program, SaysWhatToDoWhenThereIsNoDaemon)
{
    const Ended gone = run({"zl", "list"});
    EXPECT_EQ(gone.status, 7);
    EXPECT_NE(gone.err.find("systemctl start toolstackd"), std::string::npos);
}

TEST(Program, UsageErrorsEndWithTwo)
{
    EXPECT_EQ(run({"zl"}).status, 2);
    EXPECT_EQ(run({"zl", "lst"}).err, "zl: unknown command \"lst\" (did you mean list?)\n");
    EXPECT_EQ(run({"zl", "pause"}).status, 2);
    EXPECT_EQ(run({"zl", "pause", "a", "b"}).status, 2);
    EXPECT_EQ(run({"zl", "list", "--colour"}).status, 2);
    EXPECT_EQ(run({"zl", "list", "-o", "xml"}, "/nonexistent").status, 7);
    EXPECT_EQ(run({"zl", "-N", "pause", "web"}).status, 8);
    EXPECT_EQ(run({"zl", "create", "/nonexistent.cfg"}).status, 3);
    EXPECT_EQ(run({"zl", "mem-set", "web", "lots"}).status, 2);
    EXPECT_EQ(run({"zl", "block-attach", "web", "vdev=xvda"}).status, 2);
}

TEST(Program, AChangeCarriesAKeyAndItsFailureIsReported)
{
    std::string code;
    FakeDaemon daemon{[&](const std::string&) {
        return code.empty() ? op_answer("done") : op_answer("failed", code.c_str(), "it is dying");
    }};
    EXPECT_EQ(run({"zl", "pau", "web"}, daemon.socket_path()).status, 0);
    const std::string request = daemon.requests().at(0);
    EXPECT_TRUE(request.starts_with("POST /v1/domains/web/pause?wait=2 HTTP/1.1\r\n")) << request;
    EXPECT_NE(request.find("Idempotency-Key: zl-"), std::string::npos);
    code = "conflict";
    const Ended failed = run({"zl", "pause", "web"}, daemon.socket_path());
    EXPECT_EQ(failed.status, 4);
    EXPECT_EQ(failed.err, "zl: pause web: it is dying\n");
}

TEST(Program, WaitsForAnOperationThatTakesItsTime)
{
    int asked = 0;
    FakeDaemon daemon{[&](const std::string& request) {
        if (request.starts_with("POST"))
            return op_answer("running");
        return op_answer(++asked < 3 ? "running" : "done");
    }};
    EXPECT_EQ(run({"zl", "pause", "web"}, daemon.socket_path()).status, 0);
    EXPECT_EQ(asked, 3);
    const Ended unawaited = run({"zl", "pause", "web", "--no-wait"}, daemon.socket_path());
    EXPECT_EQ(unawaited.out, "5\n");
    EXPECT_EQ(run({"zl", "pause", "web", "--timeout", "0"}, daemon.socket_path()).status, 6);
}

TEST(Program, AChangeIsSentAgainWithTheSameKeyWhenTheDaemonRestarts)
{
    int asked = 0;
    FakeDaemon daemon{
        [&](const std::string&) { return ++asked == 1 ? std::string{} : op_answer("done"); }};
    EXPECT_EQ(run({"zl", "destroy", "web"}, daemon.socket_path()).status, 0);
    const auto requests = daemon.requests();
    ASSERT_EQ(requests.size(), 2U);
    EXPECT_EQ(requests[0], requests[1]);
}

TEST(Program, NamesCannotEscapeTheirPlaceInThePath)
{
    FakeDaemon daemon{[](const std::string&) { return op_answer("done"); }};
    run({"zl", "pause", "../host?x=1#/ü"}, daemon.socket_path());
    run({"zl", "block-detach", "..", "xvda/../y", "-f"}, daemon.socket_path());
    EXPECT_TRUE(daemon.requests().at(0).starts_with(
        "POST /v1/domains/..%2Fhost%3Fx%3D1%23%2F%C3%BC/pause?wait=2 "
    ));
    EXPECT_TRUE(daemon.requests().at(1).starts_with(
        "DELETE /v1/domains/%2E%2E/disks/xvda%2F..%2Fy?force=1&wait=2 "
    ));
}

TEST(Program, AMediumIsPutInAndTakenOut)
{
    FakeDaemon daemon{[](const std::string&) { return op_answer("done"); }};
    run({"zl", "cd-insert", "web", "xvdc", "/x.iso"}, daemon.socket_path());
    run({"zl", "cd-eject", "web", "xvdc"}, daemon.socket_path());
    const auto requests = daemon.requests();
    EXPECT_TRUE(requests.at(0).starts_with("POST /v1/domains/web/disks/xvdc/medium?wait=2 "));
    EXPECT_TRUE(requests.at(0).ends_with(R"({"target":"/x.iso"})"));
    EXPECT_TRUE(requests.at(1).ends_with(R"({"target":""})"));
}

TEST(Program, ControlCharactersNeverReachTheTerminal)
{
    FakeDaemon daemon{[](const std::string&) {
        rpc::DomainView domain;
        domain.name = "evil\x1b[2J";
        return http_answer(200, json_of(std::vector<rpc::DomainView>{domain}));
    }};
    const Ended listed = run({"zl", "list"}, daemon.socket_path());
    EXPECT_EQ(listed.out.find('\x1b'), std::string::npos);
    EXPECT_NE(listed.out.find("evil\\x1b[2J"), std::string::npos);
}

TEST(Program, ReadsTheDiskSpecificationAsXlDoesInADryRun)
{
    EXPECT_EQ(
        run({"xl", "-N", "block-attach", "0", "discard", "vdev=hda", "target=/x.raw"}).out,
        "disk: {\n    \"pdev_path\": \"/x.raw\",\n    \"vdev\": \"hda\",\n    \"format\": "
        "\"raw\",\n"
        "    \"readwrite\": 1,\n    \"discard_enable\": \"True\"\n}\n\n"
    );
}

} // namespace
} // namespace zocalo::cli
