// SPDX-License-Identifier: Apache-2.0
// What zl prints when called as xl and the shape matters to scripts: info, list -l, channel-list.
#include "tests/unit/cli/fake_daemon.hpp"
#include "tests/unit/cli/run_zl.hpp"

#include <gtest/gtest.h>

namespace zocalo::cli {
namespace {

TEST(AsXl, InfoHasEveryLineOfXlsInItsOrder)
{
    rpc::HostView host;
    host.hostname = "lab";
    host.kernel = "6.1.0-18-amd64";
    host.kernel_version = "#1 SMP Debian 6.1.76-1";
    host.machine = "x86_64";
    host.hypervisor_version = "4.17";
    host.hypervisor_extra = ".3";
    host.capabilities = "xen-3.0-x86_64 hvm-3.0-x86_64 ";
    host.scheduler = "credit2";
    host.commandline = "placeholder dom0_mem=1G";
    host.compiler = "gcc 12.2.0";
    host.compiled_by = "team";
    host.compile_domain = "debian.org";
    host.compile_date = "Fri Mar  1";
    host.build_id = "abcd";
    host.cpus = 4;
    host.max_cpu_id = 3;
    host.nodes = 1;
    host.cores_per_socket = 2;
    host.threads_per_core = 2;
    host.cpu_khz = 2994012;
    host.free_cpus = 1;
    host.hw_caps = "178bf3ff:00000000";
    host.virt_caps = "pv hvm";
    host.platform_params = "virt_start=0xffff800000000000";
    host.total_memory_kib = 4096 << 10;
    host.free_memory_kib = 1000 << 10;
    host.outstanding_claims_kib = 24 << 10;
    host.sharing_freed_kib = 8 << 10;
    host.sharing_used_kib = 4 << 10;
    FakeDaemon daemon{[&](const std::string&) { return http_answer(200, json_of(host)); }};
    EXPECT_EQ(
        run({"xl", "info"}, daemon.socket_path()).out,
        "host                   : lab\n"
        "release                : 6.1.0-18-amd64\n"
        "version                : #1 SMP Debian 6.1.76-1\n"
        "machine                : x86_64\n"
        "nr_cpus                : 4\n"
        "max_cpu_id             : 3\n"
        "nr_nodes               : 1\n"
        "cores_per_socket       : 2\n"
        "threads_per_core       : 2\n"
        "cpu_mhz                : 2994.012\n"
        "hw_caps                : 178bf3ff:00000000\n"
        "virt_caps              : pv hvm\n"
        "total_memory           : 4096\n"
        "free_memory            : 976\n"
        "sharing_freed_memory   : 8\n"
        "sharing_used_memory    : 4\n"
        "outstanding_claims     : 24\n"
        "free_cpus              : 1\n"
        "xen_major              : 4\n"
        "xen_minor              : 17\n"
        "xen_extra              : .3\n"
        "xen_version            : 4.17.3\n"
        "xen_caps               : xen-3.0-x86_64 hvm-3.0-x86_64 \n"
        "xen_scheduler          : credit2\n"
        "xen_pagesize           : 4096\n"
        "platform_params        : virt_start=0xffff800000000000\n"
        "xen_changeset          : \n"
        "xen_commandline        : placeholder dom0_mem=1G\n"
        "cc_compiler            : gcc 12.2.0\n"
        "cc_compile_by          : team\n"
        "cc_compile_domain      : debian.org\n"
        "cc_compile_date        : Fri Mar  1\n"
        "build_id               : abcd\n"
        "xend_config_format     : 4\n"
    );
}

rpc::DomainDetail web()
{
    rpc::DomainDetail detail;
    detail.domain.uuid = "01234567-89ab-cdef-0123-456789abcdef";
    detail.domain.name = "web";
    detail.domain.domid = 7;
    detail.domain.memory_kib = 262144;
    detail.domain.maxmem_kib = 524288;
    detail.domain.vcpus_max = 2;
    detail.vcpus = {{.id = 0, .online = true}, {.id = 1}};
    detail.config = rpc::DomainConfig{};
    detail.config->kernel = "/boot/vmlinuz";
    detail.config->on_crash = rpc::StopAction::rename_restart;
    detail.disks = {{.devid = 51712, .vdev = "xvda", .target = "/a", .format = "raw"}};
    detail.nics = {{.devid = 0, .mac = "00:16:3e:00:00:01", .bridge = "xenbr0", .mtu = 1500}};
    detail.channels = {
        {.devid = 1,
         .name = "agent",
         .connection = "socket",
         .path = "/run/agent.sock",
         .frontend_state = "connected",
         .event_channel = 12,
         .ring_ref = 8},
        {.devid = 2, .name = "log", .connection = "pty", .path = "/dev/pts/3"}};
    detail.weight = 256;
    return detail;
}

std::string answer(const std::string& request)
{
    if (request.starts_with("GET /v1/domains HTTP")) {
        rpc::DomainView defined;
        defined.name = "off"; // not in Xen: xl would not know it
        return http_answer(200, json_of(std::vector{web().domain, defined}));
    }
    return http_answer(200, json_of(web()));
}

TEST(AsXl, ListLongIsInLibxlsShape)
{
    FakeDaemon daemon{answer};
    const auto printed = rpc::parse(run({"xl", "list", "-l"}, daemon.socket_path()).out);
    ASSERT_TRUE(printed && printed->is_array());
    ASSERT_EQ(printed->get_array().size(), 1U);
    const auto& domain = printed->get_array().front().get_object();
    EXPECT_EQ(domain.at("domid"), 7);
    const auto& config = domain.at("config");
    EXPECT_EQ(
        boost::json::serialize(config.at("c_info")),
        R"({"type":"pv","name":"web","uuid":"01234567-89ab-cdef-0123-456789abcdef"})"
    );
    EXPECT_EQ(config.at("b_info").at("max_memkb"), 524288);
    EXPECT_EQ(config.at("b_info").at("target_memkb"), 262144);
    EXPECT_EQ(boost::json::serialize(config.at("b_info").at("avail_vcpus")), "[0]");
    EXPECT_EQ(config.at("b_info").at("kernel"), "/boot/vmlinuz");
    EXPECT_EQ(
        boost::json::serialize(config.at("disks")),
        R"([{"pdev_path":"/a","vdev":"xvda","backend":"phy","format":"raw","readwrite":1}])"
    );
    EXPECT_EQ(config.at("nics").at(0).at("bridge"), "xenbr0");
    EXPECT_EQ(config.at("channels").at(0).at("connection.socket").at("path"), "/run/agent.sock");
    EXPECT_EQ(config.at("on_crash"), "rename-restart");
    // zl's own -l is the API's view.
    const auto ours = rpc::parse(run({"zl", "list", "-l", "web"}, daemon.socket_path()).out);
    ASSERT_TRUE(ours && ours->is_object());
    EXPECT_TRUE(ours->get_object().contains("domain"));
}

TEST(AsXl, ChannelListHasXlsColumns)
{
    FakeDaemon daemon{answer};
    EXPECT_EQ(
        run({"xl", "channel-list", "web"}, daemon.socket_path()).out,
        "Idx BE state evt-ch ring-ref connection                               \n"
        "1   0  4     12     8        socket     \n"
        "2   0  0     -1     -1       pty        /dev/pts/3                     \n"
    );
    EXPECT_NE(
        run({"zl", "channel-list", "web"}, daemon.socket_path())
            .out.find("web       1  agent    socket      /run/agent.sock  connected"),
        std::string::npos
    );
}

} // namespace
} // namespace zocalo::cli
