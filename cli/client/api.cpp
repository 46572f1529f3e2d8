// SPDX-License-Identifier: Apache-2.0
#include "cli/client/api.hpp"

#include "cli/client/error_body.hpp"
#include "common/rpc/json.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/serialize.hpp>

#include <random>
#include <thread>

namespace zocalo::cli {
namespace {

using Clock = std::chrono::steady_clock;

// How long a lost connection is tried again: a daemon restart takes about a second.
constexpr std::chrono::seconds kRetryFor{10};
constexpr std::chrono::milliseconds kRetryPause{200};
// One request waits this long at most, so that progress can be shown between two.
constexpr std::chrono::seconds kWaitSlice{2};

std::string random_key()
{
    std::random_device source;
    std::string key = "zl-";
    for (int i = 0; i < 24; ++i)
        key += "0123456789abcdef"[source() & 15U];
    return key;
}

template <class T> Outcome<T> read_answer(const Outcome<std::string>& body)
{
    if (!body)
        return body.error();
    // Nothing of it outlives this function for long: the members are never given back one by one.
    auto parsed =
        rpc::parse(*body, boost::json::make_shared_resource<boost::json::monotonic_resource>());
    auto value = parsed ? rpc::from_json<T>(*parsed, "answer") : Outcome<T>{parsed.error()};
    if (value)
        return value;
    return Error{
        Code::failed,
        "the daemon's answer cannot be understood: " + value.error().what,
        "zl and toolstackd must be of the same version"};
}

Outcome<std::string> text_member(const Outcome<std::string>& body, const char* key)
{
    auto object = read_answer<boost::json::object>(body);
    if (!object)
        return object.error();
    const auto* text = object->if_contains(key);
    if (text == nullptr || !text->is_string())
        return Error{Code::failed, std::string{"the daemon's answer holds no "} + key, {}};
    return std::string{text->get_string()};
}

// What a 410 holds beside its error: where the events stand now.
EventPage lost_events(const std::string& body)
{
    EventPage page{.events = {}, .next = 0, .resync = true};
    const auto parsed = rpc::parse(body);
    const auto* object = parsed ? parsed->if_object() : nullptr;
    const auto* next = object != nullptr ? object->if_contains("next") : nullptr;
    if (next != nullptr && next->is_number())
        page.next = next->to_number<std::uint64_t>();
    return page;
}

bool ended(const rpc::OpView& op)
{
    return op.state == rpc::OpState::done || op.state == rpc::OpState::failed ||
           op.state == rpc::OpState::cancelled;
}

std::string op_name(const rpc::OpView& op)
{
    return op.verb + (op.name.empty() ? "" : " " + op.name);
}

Outcome<rpc::OpView> judged(rpc::OpView op)
{
    if (op.state == rpc::OpState::cancelled)
        return Error{
            Code::failed,
            op_name(op) + " was cancelled (operation " + std::to_string(op.id) + ")",
            {}};
    if (op.state == rpc::OpState::failed)
        return Error{code_from_name(op.error_code), op_name(op) + ": " + op.error, op.next};
    return op;
}

} // namespace

std::string percent_encoded(std::string_view text)
{
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
        if (plain) {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += {'%', kHex[byte >> 4U], kHex[byte & 15U]};
    }
    return out;
}

std::string domain_path(const std::string& ref, std::string_view rest)
{
    // "." and ".." would be taken for path segments of their own.
    std::string encoded = percent_encoded(ref);
    if (encoded == "." || encoded == "..")
        encoded = ref == "." ? "%2E" : "%2E%2E";
    return "/v1/domains/" + encoded + std::string{rest};
}

boost::json::object config_body(const rpc::DomainConfig& config)
{
    boost::json::object body;
    body["config"] = rpc::to_json(config);
    return body;
}

Outcome<HttpReply> Api::reach(const HttpRequest& request, std::chrono::milliseconds limit)
{
    // GETs and keyed changes may be sent twice; and only a connection that once stood is retried,
    // so that a daemon that is not there is reported at once.
    const auto give_up = Clock::now() + std::min<Clock::duration>(kRetryFor, limit);
    bool stood = false;
    for (;;) {
        auto reply = exchange(socket_path_, request, limit);
        if (reply)
            return std::move(*reply);
        stood |= reply.error().stage == ExchangeStage::talking;
        const bool again = stood && reply.error().error.code == Code::unreachable;
        if (!again || Clock::now() >= give_up)
            return std::move(reply.error().error);
        std::this_thread::sleep_for(kRetryPause);
    }
}

Outcome<std::string> Api::fetch(
    const std::string& method,
    const std::string& target,
    const std::string& body,
    const std::string& key,
    std::chrono::milliseconds limit
)
{
    auto reply = TRY(reach(HttpRequest{method, target, body, key}, limit));
    if (reply.status < 400)
        return std::move(reply.body);
    return error_from_body(reply.status, reply.body);
}

Outcome<std::vector<rpc::DomainView>> Api::domains()
{
    return read_answer<std::vector<rpc::DomainView>>(get("/v1/domains"));
}

Outcome<rpc::DomainDetail> Api::domain(const std::string& ref)
{
    return read_answer<rpc::DomainDetail>(get(domain_path(ref)));
}

Outcome<std::vector<rpc::DeviceStats>> Api::device_stats(const std::string& ref)
{
    return read_answer<std::vector<rpc::DeviceStats>>(get(domain_path(ref, "/stats")));
}

Outcome<rpc::HostView> Api::host()
{
    return read_answer<rpc::HostView>(get("/v1/host"));
}

Outcome<std::string> Api::dmesg(bool clear)
{
    return text_member(get(clear ? "/v1/host/dmesg?clear=1" : "/v1/host/dmesg"), "text");
}

Outcome<std::string> Api::console_log(const std::string& ref, std::uint64_t bytes)
{
    const std::string query = bytes == 0 ? "" : "?bytes=" + std::to_string(bytes);
    return get(domain_path(ref, "/console/log" + query));
}

Outcome<CheckedConfig> Api::check(const rpc::DomainConfig& config)
{
    const std::string body = boost::json::serialize(config_body(config));
    return read_answer<CheckedConfig>(fetch("POST", "/v1/domains/check", body, {}, limit_));
}

Outcome<std::vector<rpc::OpView>> Api::ops(bool active)
{
    return read_answer<std::vector<rpc::OpView>>(get(active ? "/v1/ops?active=1" : "/v1/ops"));
}

Outcome<rpc::OpView> Api::op(std::uint64_t id)
{
    return read_answer<rpc::OpView>(get("/v1/ops/" + std::to_string(id)));
}

Outcome<rpc::OpView> Api::wait_op(std::uint64_t id, std::chrono::seconds limit)
{
    return await(TRY(op(id)), Waiting{true, limit, {}});
}

Outcome<EventPage> Api::events(std::uint64_t since, std::uint32_t limit, std::chrono::seconds wait)
{
    const std::string target = "/v1/events?since=" + std::to_string(since) +
                               "&limit=" + std::to_string(limit) +
                               "&wait=" + std::to_string(wait.count());
    constexpr unsigned kGone = 410;
    const auto reply = TRY(reach(HttpRequest{"GET", target, {}, {}}, limit_ + wait));
    if (reply.status == kGone)
        return lost_events(reply.body);
    if (reply.status >= 400)
        return error_from_body(reply.status, reply.body);
    return read_answer<EventPage>(Outcome<std::string>{reply.body});
}

Outcome<std::vector<rpc::FindingView>> Api::doctor()
{
    return read_answer<std::vector<rpc::FindingView>>(get("/v1/doctor"));
}

Outcome<rpc::OpView> Api::await(rpc::OpView op, const Waiting& waiting)
{
    const auto deadline = Clock::now() + waiting.limit;
    while (!ended(op)) {
        if (waiting.progress)
            waiting.progress(op);
        const auto left = std::chrono::ceil<std::chrono::seconds>(deadline - Clock::now());
        if (left.count() <= 0)
            return Error{
                Code::timeout,
                op_name(op) + " still runs after " + std::to_string(waiting.limit.count()) + " s",
                "it goes on; watch it with `zl ops " + std::to_string(op.id) + "`"};
        const auto slice = std::min(left, kWaitSlice);
        const std::string target =
            "/v1/ops/" + std::to_string(op.id) + "?wait=" + std::to_string(slice.count());
        op = TRY(read_answer<rpc::OpView>(fetch("GET", target, {}, {}, limit_ + slice)));
    }
    return judged(std::move(op));
}

Outcome<rpc::OpView> Api::change(const Change& change, const Waiting& waiting)
{
    const std::string body =
        change.body.empty() && change.method == "DELETE" ? "" : boost::json::serialize(change.body);
    std::string target = change.path;
    const auto slice = std::min(waiting.limit, kWaitSlice);
    if (waiting.wait)
        target += (target.find('?') == std::string::npos ? "?wait=" : "&wait=") +
                  std::to_string(slice.count());
    auto op = TRY(
        read_answer<rpc::OpView>(fetch(change.method, target, body, random_key(), limit_ + slice))
    );
    if (!waiting.wait)
        return op;
    return await(std::move(op), waiting);
}

} // namespace zocalo::cli
