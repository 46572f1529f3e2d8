// SPDX-License-Identifier: Apache-2.0
// GET /metrics: what the daemon counted, and what the domain layer says now.
#include "toolstackd/rpc/handlers/device_metrics.hpp"
#include "toolstackd/rpc/handlers/handlers.hpp"
#include "toolstackd/rpc/reply.hpp"

#include <boost/describe/enum_to_string.hpp>

#include <map>

namespace zocalo::toolstack::handlers {
namespace {

template <class E> std::string word(E value)
{
    return boost::describe::enum_to_string(value, "unknown");
}

void write_domains(MetricsText& text, const std::vector<rpc::DomainView>& domains)
{
    std::map<std::string, int> states;
    for (const auto& domain : domains)
        ++states[word(domain.state)];
    text.family("zocalo_domains", "gauge", "Domains by state.");
    for (const auto& [state, count] : states)
        text.sample("zocalo_domains", {{"state", state}}, count);

    const auto each = [&](const char* family, const char* type, const char* help, auto value) {
        text.family(family, type, help);
        for (const auto& d : domains)
            if (d.domid >= 0)
                text.sample(family, {{"name", d.name}, {"uuid", d.uuid}}, value(d));
    };
    each("zocalo_domain_cpu_seconds_total", "counter", "CPU time used.", [](const auto& d) {
        return static_cast<double>(d.cpu_time_ns) / 1e9;
    });
    each("zocalo_domain_memory_bytes", "gauge", "Memory the domain has.", [](const auto& d) {
        return static_cast<double>(d.memory_kib) * 1024;
    });
    each("zocalo_domain_vcpus_online", "gauge", "vCPUs that are online.", [](const auto& d) {
        return static_cast<double>(d.vcpus_online);
    });
}

void write_ops(MetricsText& text, const std::vector<rpc::OpView>& ops)
{
    struct Duration {
        double seconds{};
        double count{};
    };
    std::map<std::pair<std::string, std::string>, double> states;
    std::map<std::string, Duration> durations;
    for (const auto& op : ops) {
        states[{op.verb, word(op.state)}] += 1;
        if (op.finished_ms == 0)
            continue;
        Duration& duration = durations[op.verb];
        duration.seconds += static_cast<double>(op.finished_ms - op.created_ms) / 1e3;
        duration.count += 1;
    }
    text.family("zocalo_ops", "gauge", "The newest operations (at most 1000) by verb and state.");
    for (const auto& [key, count] : states)
        text.sample("zocalo_ops", {{"verb", key.first}, {"state", key.second}}, count);
    text.family("zocalo_op_duration_seconds", "summary", "How long those that ended took.");
    for (const auto& [verb, duration] : durations) {
        text.sample("zocalo_op_duration_seconds_sum", {{"verb", verb}}, duration.seconds);
        text.sample("zocalo_op_duration_seconds_count", {{"verb", verb}}, duration.count);
    }
}

} // namespace

Answer<Reply> metrics(Services& services, Call)
{
    // Scrapers get what there is: an unreachable hypervisor is a value, not a failed scrape.
    auto domains = co_await services.toolstack.domains();
    auto ops = co_await services.toolstack.ops(false);
    MetricsText text;
    text.family("zocalo_up", "gauge", "1 when the hypervisor and the database answered.");
    text.sample("zocalo_up", {}, domains && ops ? 1 : 0);
    if (domains) {
        write_domains(text, *domains);
        std::vector<DomainStats> stats;
        for (const auto& domain : *domains) {
            if (domain.domid <= 0 || domain.ownership == rpc::Ownership::foreign)
                continue;
            if (auto devices = co_await services.toolstack.device_stats(domain.uuid))
                stats.push_back({domain.name, domain.uuid, std::move(*devices)});
        }
        write_devices(text, stats);
    }
    if (ops)
        write_ops(text, *ops);
    services.metrics.write(text);
    co_return Reply{200, "text/plain; version=0.0.4; charset=utf-8", text.text()};
}

} // namespace zocalo::toolstack::handlers
