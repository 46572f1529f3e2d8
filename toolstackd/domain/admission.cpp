// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/admission.hpp"

#include "common/rpc/bodies.hpp"
#include "common/rpc/json.hpp"
#include "toolstackd/domain/refs.hpp"
#include "toolstackd/domain/reservation.hpp"

#include <algorithm>
#include <array>

namespace zocalo::toolstack {
namespace {

template <class Body> Outcome<Unit> reads_as(const boost::json::object& args)
{
    const Body body = TRY(rpc::from_json<Body>(args, ""));
    static_cast<void>(body);
    return Unit{};
}

struct Verb {
    std::string_view name;
    Outcome<Unit> (*check)(const boost::json::object& args);
    bool foreign; // also for domains that are not ours
    bool dom0;
};

constexpr std::array kVerbs{
    Verb{"apply", reads_as<rpc::ConfigBody>, false, false},
    Verb{"undefine", reads_as<rpc::EmptyBody>, false, false},
    Verb{"start", reads_as<rpc::StartBody>, false, false},
    Verb{"shutdown", reads_as<rpc::TimeoutBody>, true, false},
    Verb{"reboot", reads_as<rpc::TimeoutBody>, true, false},
    Verb{"destroy", reads_as<rpc::EmptyBody>, true, false},
    Verb{"pause", reads_as<rpc::EmptyBody>, true, false},
    Verb{"unpause", reads_as<rpc::EmptyBody>, true, false},
    Verb{"rename", reads_as<rpc::RenameBody>, false, false},
    Verb{"memory", reads_as<rpc::MemoryBody>, true, true},
    Verb{"vcpus", reads_as<rpc::VcpusBody>, true, true},
    Verb{"affinity", reads_as<rpc::AffinityBody>, true, true},
    Verb{"scheduler", reads_as<rpc::SchedConfig>, true, true},
    Verb{"block-attach", reads_as<rpc::DiskConfig>, false, false},
    Verb{"block-detach", reads_as<rpc::DetachBody>, false, false},
    Verb{"block-limit", reads_as<rpc::LimitsBody>, false, false},
    Verb{"block-measure", reads_as<rpc::MeasureBody>, false, false},
    Verb{"block-medium", reads_as<rpc::MediumBody>, false, false},
    Verb{"network-attach", reads_as<rpc::NicConfig>, false, false},
    Verb{"network-detach", reads_as<rpc::DetachBody>, false, false},
    Verb{"autostart", reads_as<rpc::AutostartConfig>, false, false},
};

const Verb* find_verb(const std::string& name)
{
    for (const Verb& verb : kVerbs)
        if (verb.name == name)
            return &verb;
    return nullptr;
}

Error name_taken(const std::string& name)
{
    return Error{
        Code::conflict, "there is a domain \"" + name + "\" already", "choose another name"};
}

// `all` is Xen's whole list.
Answer<Unit>
check_against(Context& ctx, const std::vector<LiveDomain>& all, const std::string& name)
{
    ctx.foreign_names.keep(all);
    for (const LiveDomain& live : all) {
        if (is_ours(ctx, live))
            continue;
        auto taken = co_await ctx.foreign_names.of(live);
        if (!taken)
            co_return taken.error();
        if (*taken == name)
            co_return name_taken(name);
    }
    co_return Unit{};
}

Answer<Unit> check_identity(Context& ctx, const DomainRow& domain)
{
    if (ctx.book.by_name(domain.name))
        co_return name_taken(domain.name);
    if (ctx.book.find(domain.uuid))
        co_return Error{
            Code::conflict, "there is a domain with uuid " + rpc::text(domain.uuid), {}};
    auto all = co_await ctx.hv.list();
    if (!all)
        co_return all.error();
    for (const LiveDomain& live : *all)
        if (live.handle == domain.uuid)
            co_return Error{
                Code::conflict,
                "domain " + std::to_string(live.domid.value) + " of another toolstack has uuid " +
                    rpc::text(domain.uuid),
                "adopt it, or choose another uuid"};
    co_return co_await check_against(ctx, *all, domain.name);
}

Outcome<DomainRow> domain_row(Context& ctx, rpc::CreateBody body)
{
    DomainRow row;
    row.config = TRY(rpc::resolve(std::move(body.config)));
    row.name = row.config.name;
    if (row.config.uuid.empty()) {
        row.uuid = rpc::random_uuid();
    } else {
        row.uuid = TRY(rpc::parse_uuid(row.config.uuid));
    }
    if (row.uuid == rpc::Uuid{})
        return Error{Code::usage, "uuid: all zeros is domain 0's", {}};
    row.config.uuid = rpc::text(row.uuid);
    row.managed = body.managed || !body.start; // a definition that is not started has to last
    row.desired = !body.start ? Desired::stopped : body.paused ? Desired::paused : Desired::running;
    row.created_ms = ctx.clock.now_ms();
    return row;
}

rpc::DomainConfig config_from(const LiveDomain& live, const std::string& name)
{
    rpc::DomainConfig config;
    config.name = name;
    config.type = live.hvm ? rpc::GuestType::pvh : rpc::GuestType::pv;
    config.memory_mib = live.memory_kib / 1024;
    config.maxmem_mib = std::max(live.max_memory_kib / 1024, config.memory_mib);
    config.maxvcpus = live.max_vcpu_id + 1;
    config.vcpus = std::max(live.vcpus_online, 1U);
    config.on_reboot = rpc::StopAction::destroy; // there is no kernel to start it from
    return config;
}

} // namespace

Outcome<Unit> check_args(const std::string& verb, const boost::json::object& args)
{
    const Verb* known = find_verb(verb);
    if (known == nullptr)
        return Error{Code::usage, "no such operation: " + verb, {}};
    return known->check(args);
}

Answer<Unit> check_foreign_names(Context& ctx, const std::string& name)
{
    auto all = co_await ctx.hv.list();
    if (!all)
        co_return all.error();
    co_return co_await check_against(ctx, *all, name);
}

Answer<Unit> admit_create(Context& ctx, Batch& batch, const boost::json::object& args)
{
    auto body = rpc::from_json<rpc::CreateBody>(args, "");
    if (!body)
        co_return body.error();
    const bool start = body->start, paused = body->paused;
    auto row = domain_row(ctx, std::move(body).value());
    if (!row)
        co_return row.error();
    DomainRow domain = std::move(row).value();
    auto free = co_await check_identity(ctx, domain);
    if (!free)
        co_return free.error();
    auto macs = mac_rows(ctx, domain.uuid, domain.config.nics);
    if (!macs)
        co_return macs.error();
    batch.resources = std::move(macs).value();
    InstanceRow instance;
    instance.uuid = domain.uuid;
    instance.start_paused = paused;
    OpRow& op = batch.ops.front();
    op.uuid = rpc::text(domain.uuid);
    op.name = domain.name;
    if (start) {
        auto promised = co_await promise_start(ctx, batch, domain, std::move(instance));
        if (!promised)
            co_return promised.error();
    } else {
        batch.instances.push_back(std::move(instance));
        op.state = rpc::OpState::done;
        op.step.clear();
        op.finished_ms = op.created_ms;
    }
    op.result["uuid"] = op.uuid;
    Record shown;
    shown.domain = domain;
    batch.events.push_back(event_of(ctx, shown, start ? "domain.starting" : "domain.defined"));
    batch.domains.push_back(std::move(domain));
    co_return Unit{};
}

Answer<Unit> admit_adopt(
    Context& ctx,
    Batch& batch,
    const boost::json::object& args,
    const LiveDomain& live,
    const std::string& name
)
{
    auto body = rpc::from_json<rpc::AdoptBody>(args, "");
    if (!body)
        co_return body.error();
    if (live.domid == kDom0 || live.handle == rpc::Uuid{})
        co_return Error{Code::usage, "this domain cannot be adopted", "it has no uuid of its own"};
    if (ctx.book.find(live.handle))
        co_return Error{Code::conflict, "the toolstack has a domain with this uuid", {}};
    if (live.dying || live.shutdown)
        co_return Error{Code::conflict, "the domain has ended", {}};
    DomainRow domain;
    domain.uuid = live.handle;
    domain.config = body->config ? *body->config : config_from(live, name);
    if (body->config) {
        auto resolved = rpc::resolve(*body->config);
        if (!resolved)
            co_return resolved.error();
        domain.config = *resolved;
    }
    domain.config.uuid = rpc::text(domain.uuid);
    domain.name = domain.config.name = name.empty() ? domain.config.name : name;
    if (domain.name.empty() || ctx.book.by_name(domain.name))
        co_return name_taken(domain.name);
    domain.managed = true;
    domain.desired = live.paused ? Desired::paused : Desired::running;
    domain.created_ms = ctx.clock.now_ms();
    InstanceRow instance;
    instance.uuid = domain.uuid;
    instance.domid = live.domid.value;
    instance.boot_id = ctx.settings.boot_id;
    instance.boot_seq = 1;
    instance.phase = Phase::running;
    instance.started_ms = domain.created_ms;
    OpRow& op = batch.ops.front();
    op.uuid = rpc::text(domain.uuid);
    op.name = domain.name;
    Record shown;
    shown.domain = domain;
    batch.events.push_back(event_of(ctx, shown, "domain.adopted"));
    batch.instances.push_back(std::move(instance));
    batch.domains.push_back(std::move(domain));
    co_return Unit{};
}

Outcome<Unit> admit_foreign(const std::string& verb, const LiveDomain& live)
{
    const Verb* known = find_verb(verb);
    if (known == nullptr)
        return Error{Code::usage, "no such operation: " + verb, {}};
    if (live.domid == kDom0 && !known->dom0)
        return Error{Code::denied, verb + " is refused for domain 0", {}};
    if (!known->foreign)
        return Error{
            Code::conflict,
            "the domain belongs to another toolstack",
            "adopt it first with `zl adopt`"};
    return Unit{};
}

Outcome<Unit> admit_change(
    const Context& ctx,
    const Record& record,
    const std::string& verb,
    const boost::json::object& args
)
{
    const Phase phase = record.instance.phase;
    const bool still = phase == Phase::none || phase == Phase::queued;
    if (verb == "start" && phase != Phase::none && phase != Phase::queued)
        return Error{Code::conflict, "the domain is running or starting already", {}};
    if (still &&
        (verb == "destroy" || verb == "shutdown" || verb == "reboot" || verb == "pause" ||
         verb == "unpause") &&
        phase != Phase::queued)
        return Error{Code::conflict, "the domain does not run", "start it first"};
    if (verb == "undefine" && !still)
        return Error{Code::conflict, "the domain runs", "stop it first"};
    if (verb == "apply" || verb == "rename") {
        rpc::DomainConfig config = record.domain.config;
        if (verb == "apply")
            config = TRY(rpc::from_json<rpc::ConfigBody>(args, "")).config;
        else
            config.name = TRY(rpc::from_json<rpc::RenameBody>(args, "")).name;
        if (config.kernel.empty() && verb == "rename")
            config.kernel = "/unknown"; // of an adopted domain
        config = TRY(rpc::resolve(std::move(config)));
        if (verb == "apply" && config.name != record.domain.name)
            return Error{Code::usage, "apply cannot change the name", "use `zl rename`"};
        const Record* other = ctx.book.by_name(config.name);
        if (other != nullptr && other->domain.uuid != record.domain.uuid)
            return name_taken(config.name);
    }
    return Unit{};
}

} // namespace zocalo::toolstack
