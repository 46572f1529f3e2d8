// SPDX-License-Identifier: Apache-2.0
// The control API as a table. To add a route: a row here, its handler in handlers/, its line in
// docs/api.md, and `toolstackd --print-openapi > etc/openapi.json`.
#include "common/rpc/bodies.hpp"
#include "toolstackd/rpc/handlers/handlers.hpp"
#include "toolstackd/rpc/schema.hpp"

#include <array>

namespace zocalo::toolstack {
namespace {

constexpr Parameter kWait{"wait", "Delay the answer until the operation ended, seconds up to 600."};
constexpr Parameter kForce{"force", "1: do not ask the guest."};

boost::json::value string_schema(boost::json::object&)
{
    return boost::json::object{{"type", "string"}};
}

boost::json::value any_object_schema(boost::json::object&)
{
    return boost::json::object{{"type", "object"}};
}

boost::json::value events_schema(boost::json::object& components)
{
    boost::json::object properties;
    properties["events"] = schema_of<std::vector<rpc::EventView>>(components);
    properties["next"] = {{"type", "integer"}, {"minimum", 0}};
    return boost::json::object{{"type", "object"}, {"properties", std::move(properties)}};
}

constexpr Shape kText{&string_schema, nullptr};
constexpr Shape kNothing{};

template <class T>
Route read(
    const char* pattern, Handler handler, const char* summary, std::vector<Parameter> query = {}
)
{
    return {
        Method::get,
        pattern,
        Access::read,
        handler,
        nullptr,
        summary,
        kNothing,
        shape<T>(),
        std::move(query)};
}

template <class Body>
Route change(Method method, const char* pattern, const char* verb, const char* summary)
{
    return {
        method,
        pattern,
        Access::admin,
        &handlers::change,
        verb,
        summary,
        shape<Body>(),
        shape<rpc::OpView>(),
        {kWait}};
}

Route detach(const char* pattern, const char* verb, const char* summary)
{
    return {
        Method::delete_,
        pattern,
        Access::admin,
        &handlers::detach,
        verb,
        summary,
        kNothing,
        shape<rpc::OpView>(),
        {kForce, kWait}};
}

template <class Body>
Route change_device(const char* pattern, const char* verb, const char* summary)
{
    Route route = change<Body>(Method::post, pattern, verb, summary);
    route.handler = &handlers::change_device;
    return route;
}

void add_host(std::vector<Route>& table)
{
    table.push_back(
        read<rpc::VersionAnswer>("/v1/version", &handlers::version, "The daemon's version.")
    );
    table.push_back(read<rpc::HostView>("/v1/host", &handlers::host, "The host."));
    table.push_back(read<rpc::TextAnswer>(
        "/v1/host/dmesg",
        &handlers::dmesg,
        "The hypervisor's console ring.",
        {{"clear", "1: empty it (admin)."}}
    ));
}

void add_domains(std::vector<Route>& table)
{
    constexpr auto post = Method::post;
    table.push_back(read<std::vector<rpc::DomainView>>(
        "/v1/domains", &handlers::domains, "All domains, foreign ones and dom0 included."
    ));
    table.push_back(change<rpc::CreateBody>(post, "/v1/domains", "create", "Create a domain."));
    table.push_back(
        {post,
         "/v1/domains/check",
         Access::read,
         &handlers::check,
         nullptr,
         "What a create would do; changes nothing.",
         shape<rpc::ConfigBody>(),
         shape<rpc::CheckAnswer>()}
    );
    table.push_back(read<std::vector<rpc::DeviceStats>>(
        "/v1/domains/{ref}/stats",
        &handlers::device_stats,
        "What its disks' and cards' backends counted."
    ));
    const char* const one = "/v1/domains/{ref}";
    table.push_back(read<rpc::DomainDetail>(one, &handlers::domain, "One domain, its devices too.")
    );
    table.push_back(change<rpc::ConfigBody>(
        Method::put, one, "apply", "The configuration a managed domain shall have."
    ));
    table.push_back(
        change<rpc::EmptyBody>(Method::delete_, one, "undefine", "Forget a stopped managed domain.")
    );
}

void add_actions(std::vector<Route>& table)
{
    constexpr auto post = Method::post;
    const auto add = [&table](Route route) { table.push_back(std::move(route)); };
    add(change<rpc::StartBody>(post, "/v1/domains/{ref}/start", "start", "Start it."));
    add(change<rpc::TimeoutBody>(
        post, "/v1/domains/{ref}/shutdown", "shutdown", "Ask the guest to shut down."
    ));
    add(change<rpc::TimeoutBody>(
        post, "/v1/domains/{ref}/reboot", "reboot", "Ask the guest to reboot."
    ));
    add(change<rpc::EmptyBody>(post, "/v1/domains/{ref}/destroy", "destroy", "End it at once."));
    add(change<rpc::EmptyBody>(post, "/v1/domains/{ref}/pause", "pause", "Stop its vCPUs."));
    add(change<rpc::EmptyBody>(post, "/v1/domains/{ref}/unpause", "unpause", "Let them run."));
    add(change<rpc::RenameBody>(post, "/v1/domains/{ref}/rename", "rename", "Rename it."));
    add(change<rpc::MemoryBody>(
        post, "/v1/domains/{ref}/memory", "memory", "Balloon target or limit of its memory."
    ));
    add(change<rpc::VcpusBody>(
        post, "/v1/domains/{ref}/vcpus", "vcpus", "Bring vCPUs online or offline."
    ));
    add(change<rpc::AffinityBody>(
        post, "/v1/domains/{ref}/affinity", "affinity", "Where its vCPUs may run."
    ));
    add(change<rpc::SchedConfig>(
        post, "/v1/domains/{ref}/scheduler", "scheduler", "Weight and cap."
    ));
    add(change<rpc::DiskConfig>(
        post, "/v1/domains/{ref}/disks", "block-attach", "Attach a disk; ends when connected."
    ));
    add(detach("/v1/domains/{ref}/disks/{device}", "block-detach", "Detach a disk."));
    add(change_device<rpc::LimitConfig>(
        "/v1/domains/{ref}/disks/{device}/limits", "block-limit", "What a disk may do."
    ));
    add(change_device<rpc::EmptyBody>(
        "/v1/domains/{ref}/disks/{device}/measure",
        "block-measure",
        "Tell the guest the image's size when it is another one."
    ));
    add(change_device<rpc::MediumTarget>(
        "/v1/domains/{ref}/disks/{device}/medium",
        "block-medium",
        "Put another medium into a CD drive; an empty target takes it out."
    ));
    add(change<rpc::NicConfig>(
        post, "/v1/domains/{ref}/nics", "network-attach", "Attach a network interface."
    ));
    add(detach("/v1/domains/{ref}/nics/{device}", "network-detach", "Detach it."));
    add(change<rpc::AutostartConfig>(
        post, "/v1/domains/{ref}/autostart", "autostart", "What happens when the host starts."
    ));
    add(change<rpc::AdoptBody>(
        post, "/v1/domains/{ref}/adopt", "adopt", "Take over a domain that others made."
    ));
}

void add_consoles(std::vector<Route>& table)
{
    table.push_back(
        {Method::get,
         "/v1/domains/{ref}/console/log",
         Access::admin,
         &handlers::console_log,
         nullptr,
         "The end of the console's history, text/plain.",
         kNothing,
         kText,
         {{"bytes", "How much of it at most."}}}
    );
    table.push_back(
        {Method::get,
         "/v1/domains/{ref}/console",
         Access::admin,
         nullptr,
         nullptr,
         "The console as a WebSocket: binary frames both ways, a text frame {\"end\"} at the end.",
         kNothing,
         kNothing,
         {{"replay", "Bytes of history to begin with; all of it by default."},
          {"write", "1: claim the one writer's place (409 if taken)."},
          {"steal", "1: claim it also when it is taken."}},
         Stream::console}
    );
}

void add_ops_and_events(std::vector<Route>& table)
{
    table.push_back(read<std::vector<rpc::OpView>>(
        "/v1/ops", &handlers::ops, "Operations, newest first.", {{"active", "1: unfinished ones."}}
    ));
    table.push_back(read<rpc::OpView>("/v1/ops/{id}", &handlers::op, "One operation.", {kWait}));
    table.push_back(
        {Method::delete_,
         "/v1/ops/{id}",
         Access::admin,
         &handlers::cancel_op,
         nullptr,
         "Ask it to stop where that is safe.",
         kNothing,
         shape<rpc::OpView>()}
    );
    table.push_back(
        {Method::get,
         "/v1/events",
         Access::read,
         &handlers::events,
         nullptr,
         "Events after a number; as a WebSocket one text frame each, {\"resync\": true} on a loss.",
         kNothing,
         {&events_schema, nullptr},
         {{"since", "The last number seen; 410 when what followed is no longer kept."},
          {"limit", "At most this many, up to 1000."},
          {"wait", "Seconds to wait for the first one, up to 600."}},
         Stream::events}
    );
}

void add_care(std::vector<Route>& table)
{
    table.push_back(read<std::vector<rpc::FindingView>>(
        "/v1/doctor", &handlers::doctor, "Leaks, unknown states, missing tools."
    ));
    table.push_back(change<rpc::EmptyBody>(
        Method::post, "/v1/doctor/repair", "repair", "Repair what doctor calls ours and safe."
    ));
    Route metrics = read<std::string>("/metrics", &handlers::metrics, "Prometheus text.");
    table.push_back(metrics);
    Route document = read<std::string>("/v1/openapi.json", &handlers::openapi, "This document.");
    document.answers = {&any_object_schema, nullptr};
    table.push_back(document);
}

} // namespace

std::span<const Route> routes()
{
    static const std::vector<Route> table = [] {
        std::vector<Route> rows;
        add_host(rows);
        add_domains(rows);
        add_actions(rows);
        add_consoles(rows);
        add_ops_and_events(rows);
        add_care(rows);
        return rows;
    }();
    return table;
}

} // namespace zocalo::toolstack
